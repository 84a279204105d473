# Tries: threads without end
# Accepts: OK RuntimeError MemoryLimit TimeLimit
# Must not: make more than the limit allows
import threading, time
n = 0
try:
    for _ in range(20000):
        threading.Thread(target=time.sleep, args=(1000,), daemon=True).start()
        n += 1
except RuntimeError:
    pass
print("BREACH" if n > 1000 else "held")
