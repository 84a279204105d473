# Tries: a returned integer of many megabytes
# Accepts: OK OutputLimit MemoryLimit TimeLimit
# Must not: pass the limit
# Entry: f
# Wall: 4s
def f():
    return 1 << (1 << 28)
