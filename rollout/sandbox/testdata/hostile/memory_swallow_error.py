# Tries: to go on after MemoryError
# Accepts: MemoryLimit TimeLimit RuntimeError
# Must not: pass its limit
# Memory: 200M
x = []
while True:
    try:
        x.append(bytearray(1 << 16))
    except MemoryError:
        pass
