# Tries: to overflow the C stack
# Accepts: RuntimeError OK MemoryLimit TimeLimit
# Must not: take the session with it
# Wall: 2s
import sys
sys.setrecursionlimit(1 << 30)
x = []
for _ in range(3000000):
    x = [x]
repr(x)
