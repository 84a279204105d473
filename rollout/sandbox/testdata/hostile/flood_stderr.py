# Tries: error output without end
# Accepts: OutputLimit
# Must not: pass its limit
import os
while True:
    os.write(2, b"x" * 65536)
