# Tries: huge pages, which a host may have set aside
# Accepts: OK
# Must not: get one
import mmap
for flags in (0x40000 | 0x22, 0x40000 | 0x21):
    try:
        mmap.mmap(-1, 2 << 20, flags=flags)
        print("BREACH")
    except (OSError, ValueError):
        pass
print("held")
