# Tries: posix_spawn, which uses clone with CLONE_VFORK
# Accepts: OK
# Must not: start a process
import os
try:
    print("BREACH", os.posix_spawn("/bin/true", ["true"], {}))
except OSError:
    print("held")
