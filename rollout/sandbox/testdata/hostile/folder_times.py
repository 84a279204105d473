# Tries: to count tests by the times and mode of the work folder
# Accepts: OK
# Must not: find a trace
# Runs: 3
import os
s = os.stat(".")
try:
    os.utime(".", (1, 1))
except OSError:
    pass
print("BREACH" if s.st_mtime == 1 or s.st_atime == 1 else "held")
