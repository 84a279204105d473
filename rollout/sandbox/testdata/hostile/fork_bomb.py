# Tries: a fork bomb
# Accepts: OK
# Must not: start a single process
import os
made = 0
for _ in range(1000):
    try:
        if os.fork() == 0:
            while True:
                pass
        made += 1
    except OSError:
        pass
print("BREACH" if made else "held")
