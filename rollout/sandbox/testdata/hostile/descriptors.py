# Tries: every descriptor: only 0, 1 and 2 may be there, and none leads out
# Accepts: OK
# Must not: find another one
import os
for fd in range(3, 2000):
    try:
        os.fstat(fd)
        print("BREACH", fd)
    except OSError:
        pass
for fd in (0, 1, 2):
    for f in (lambda: os.openat(fd, "..", os.O_RDONLY), lambda: os.fchdir(fd), lambda: os.listdir(fd), lambda: os.listdir("/proc/self/fd/%d/.." % fd)):
        try:
            f()
            print("BREACH", "leads out", fd)
        except (OSError, AttributeError):
            pass
print("held")
