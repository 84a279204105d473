# Tries: an integer of gigabytes
# Accepts: MemoryLimit TimeLimit
# Must not: get it
# Memory: 1G
x = 1 << (1 << 36)
print("BREACH")
