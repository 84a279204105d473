# Tries: to kill its supervisor, its group, its siblings and everything
# Accepts: OK
# Must not: have a signal delivered
import os, signal
targets = {os.getppid(), 0, 1, -1, -os.getpgrp(), -1000} | set(range(1, 200))
for pid in targets - {os.getpid()}:
    for n in (0, signal.SIGTERM, signal.SIGKILL, signal.SIGSTOP):
        try:
            os.kill(pid, n)
            print("BREACH", pid, n)
        except OSError:
            pass
print("held")
