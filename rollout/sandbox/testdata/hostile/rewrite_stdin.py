# Tries: to change, grow or seal its input, which the runner may use again
# Accepts: OK
# Must not: change it
# Input: input
import fcntl, mmap, os
for f in (lambda: os.pwrite(0, b"x", 0), lambda: os.ftruncate(0, 0), lambda: mmap.mmap(0, 1), lambda: os.open("/proc/self/fd/0", os.O_RDWR | os.O_TRUNC),
          lambda: fcntl.fcntl(0, 1033, 1)):
    try:
        r = f()
        if isinstance(r, int) and r > 2:
            os.write(r, b"x")
        print("BREACH")
    except (OSError, ValueError):
        pass
print("held" if os.pread(0, 100, 0) == b"input" else "BREACH")
