# Tries: to give one end of a socketpair an address, and to pass descriptors
# Accepts: OK
# Must not: bind, connect, listen or send rights
import array, socket
a, b = socket.socketpair()
for name, f in (("bind", lambda: a.bind("\0abstract")), ("connect", lambda: a.connect("\0abstract")), ("listen", lambda: a.listen())):
    try:
        f()
        print("BREACH", name)
    except OSError:
        pass
try:
    a.sendmsg([b"x"], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", [0]))])
    print("BREACH rights")
except OSError:
    pass
for family in (socket.AF_INET, 16, 17, 40):
    try:
        socket.socketpair(family)
        print("BREACH family", family)
    except (OSError, ValueError):
        pass
print("held")
