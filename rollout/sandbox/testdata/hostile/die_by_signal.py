# Tries: to look like a kill by the runner
# Accepts: RuntimeError
# Must not: count as anything but its own failure
import os, signal
print("partial")
os.kill(os.getpid(), signal.SIGKILL)
