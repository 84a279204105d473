# Tries: recursion without end at an endless limit
# Accepts: RuntimeError MemoryLimit TimeLimit
# Must not: take the session with it
# Memory: 1G
import sys
sys.setrecursionlimit(1 << 30)


def f(n):
    return f(n + 1) + 1


f(0)
