# Tries: to make its output look huge by seeking and truncating
# Accepts: OutputLimit OK RuntimeError
# Must not: make the runner read more than the limit
import os
try:
    os.lseek(1, 1 << 40, 0)
    os.write(1, b"x")
except OSError:
    pass
os.ftruncate(1, 1 << 40)
