# Tries: a socket of every family and type
# Accepts: OK
# Must not: make one
import socket
for family in range(0, 46):
    for kind in (1, 2, 3, 5):
        try:
            socket.socket(family, kind)
            print("BREACH", family, kind)
        except OSError:
            pass
print("held")
