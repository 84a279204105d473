# Tries: 8 GiB at once
# Accepts: MemoryLimit
# Must not: get it
x = bytearray(8 << 30)
print("BREACH")
