# Tries: to replace itself by a fresh interpreter without the supervisor's settings
# Accepts: OK
# Must not: execute anything
import os, sys
for path in ("/usr/bin/python3", "/bin/sh", "/proc/self/exe", sys.executable or "/x"):
    try:
        os.execv(path, [path, "-c", "print('BREACH')"])
    except OSError:
        pass
print("held")
