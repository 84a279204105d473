# Tries: to close its outputs and stay
# Accepts: TimeLimit
# Must not: stay after its time
import os, time
os.closerange(0, 64)
time.sleep(1e6)
