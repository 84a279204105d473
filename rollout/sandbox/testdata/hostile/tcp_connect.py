# Tries: to connect to the internet, to the host and to itself
# Accepts: OK
# Must not: connect
import socket
for address in (("1.1.1.1", 53), ("127.0.0.1", 22), ("::1", 22), ("169.254.169.254", 80)):
    try:
        socket.create_connection(address, timeout=1)
        print("BREACH", address)
    except OSError:
        pass
print("held")
