# Tries: to wait for ever, with no CPU time spent
# Accepts: TimeLimit
# Must not: wait on after its time
import time
time.sleep(1e6)
