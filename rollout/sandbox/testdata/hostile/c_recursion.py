# Tries: to overflow the C stack
# Accepts: RuntimeError OK MemoryLimit TimeLimit
# Must not: take the session with it
import sys
sys.setrecursionlimit(1 << 30)
x = []
for _ in range(800000):
    x = [x]
repr(x)
