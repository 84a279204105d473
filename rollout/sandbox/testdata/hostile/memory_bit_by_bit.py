# Tries: memory in small pieces without end
# Accepts: MemoryLimit
# Must not: pass its limit
# Memory: 200M
x = []
while True:
    x.append(bytearray(1 << 20))
