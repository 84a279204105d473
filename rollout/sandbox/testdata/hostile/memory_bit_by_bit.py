# Tries: memory in small pieces without end
# Accepts: MemoryLimit
# Must not: pass its limit
# Memory: 200M
# Wall: 5s
x = []
while True:
    x.append(bytearray(1 << 20))
