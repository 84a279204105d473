# Tries: 1 GB of output by print
# Accepts: OutputLimit MemoryLimit TimeLimit
# Must not: pass its limit
print("x" * (1 << 30))
