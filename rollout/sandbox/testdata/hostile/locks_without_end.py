# Tries: record locks, each of which takes kernel memory
# Accepts: OK
# Must not: get one
import fcntl
try:
    f = open("f", "w+")
except OSError:
    f = 1
try:
    fcntl.lockf(f, fcntl.LOCK_EX, 1, 0)
    print("BREACH")
except OSError:
    print("held")
