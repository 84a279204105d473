# Tries: to carry data out by name lookups
# Accepts: OK
# Must not: resolve a name
import socket
try:
    print("BREACH", socket.getaddrinfo("example.com", 80))
except OSError:
    print("held")
