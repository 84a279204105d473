# Tries: descriptors without end
# Accepts: OK
# Must not: open more than its limit
import os
n = 0
try:
    while True:
        os.dup(0)
        n += 1
except OSError:
    pass
try:
    while True:
        os.pipe()
        n += 1
except OSError:
    pass
print("BREACH" if n > 64 else "held")
