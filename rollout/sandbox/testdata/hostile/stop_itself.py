# Tries: to hang its supervisor by stopping itself
# Accepts: TimeLimit
# Must not: hold the session up after its time
import os, signal
os.kill(os.getpid(), signal.SIGSTOP)
