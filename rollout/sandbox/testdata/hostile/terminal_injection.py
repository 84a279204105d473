# Tries: to type into a terminal: TIOCSTI, TIOCLINUX, TIOCSCTTY
# Accepts: OK
# Must not: inject a byte
import fcntl
for fd in (0, 1, 2):
    for request in (0x5412, 0x541C, 0x540E, 0x5403):
        try:
            fcntl.ioctl(fd, request, b"x")
            print("BREACH", fd, hex(request))
        except OSError:
            pass
for name in ("/dev/tty", "/dev/console", "/dev/tty0", "/dev/ptmx"):
    try:
        open(name, "rb")
        print("BREACH", name)
    except OSError:
        pass
print("held")
