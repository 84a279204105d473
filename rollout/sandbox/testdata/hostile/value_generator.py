# Tries: a returned list whose iteration never ends
# Accepts: OutputLimit MemoryLimit TimeLimit RuntimeError
# Must not: pass the limit
# Entry: f
# Memory: 300M
class L(list):
    def __iter__(self):
        while True:
            yield 1


def f():
    return L()
