# Honest: a pool of threads
# Prints: [0, 1, 4, 9, 16]\n
# Wall: 10s
from concurrent.futures import ThreadPoolExecutor
with ThreadPoolExecutor(4) as pool:
    print(list(pool.map(lambda x: x * x, range(5))))
