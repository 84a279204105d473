# Tries: a returned value without end
# Accepts: OutputLimit MemoryLimit TimeLimit
# Must not: pass the limit
# Entry: f
# Memory: 300M
def f():
    x = []
    x.append(x)
    x.append(x)
    return x
