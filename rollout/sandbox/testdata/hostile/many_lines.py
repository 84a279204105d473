# Tries: 16 MB of line breaks
# Accepts: OK OutputLimit
# Must not: make the runner use much more than that
import os
os.write(1, b"\n" * (15 << 20))
