# Honest: a search that ends by its own process clock
# Prints: True\n
# Wall: 10s
import time
start = time.process_time()
while time.process_time() - start < 0.05:
    pass
print(time.process_time() - start < 1)
