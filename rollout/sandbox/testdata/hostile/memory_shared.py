# Tries: shared anonymous mappings, which are not in every account
# Accepts: OK MemoryLimit RuntimeError
# Must not: pass its limit
# Memory: 1G
import mmap
maps = []
try:
    for _ in range(64):
        m = mmap.mmap(-1, 64 << 20)
        m[0] = 1
        maps.append(m)
    print("BREACH")
except (OSError, ValueError, MemoryError):
    print("held")
