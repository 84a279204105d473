# Tries: threads with the smallest stacks
# Accepts: OK RuntimeError MemoryLimit TimeLimit
# Must not: make more than the limit allows
import _thread, time
_thread.stack_size(32768)
n = 0
try:
    for _ in range(20000):
        _thread.start_new_thread(time.sleep, (1000,))
        n += 1
except RuntimeError:
    pass
print("BREACH" if n > 9000 else "held")
