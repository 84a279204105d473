# Tries: output without end
# Accepts: OutputLimit
# Must not: pass its limit
import os
while True:
    os.write(1, b"x" * 65536)
