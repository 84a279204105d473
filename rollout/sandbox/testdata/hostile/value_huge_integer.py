# Tries: a returned integer of many megabytes
# Accepts: OK OutputLimit MemoryLimit TimeLimit
# Must not: pass the limit
# Entry: f
def f():
    return 1 << (1 << 27)
