# Tries: to go on after the signal for too large a file
# Accepts: OutputLimit
# Must not: pass its limit
# Wall: 1s
import os, signal
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
while True:
    try:
        os.write(1, b"x" * 65536)
    except OSError:
        pass
