# Honest: deep recursion in a thread with a large stack
# Prints: 100000\n
# Wall: 10s
import sys, threading
sys.setrecursionlimit(10 ** 7)
threading.stack_size(512 << 20)


def depth(n):
    return 0 if n == 0 else 1 + depth(n - 1)


def main():
    print(depth(100000))


t = threading.Thread(target=main)
t.start()
t.join()
