# Tries: to leave a daemon behind by forking twice
# Accepts: OK
# Must not: outlive the run
import os, time
try:
    if os.fork() == 0:
        os.setsid()
        if os.fork() == 0:
            time.sleep(1000)
        os._exit(0)
    print("BREACH")
except OSError:
    print("held")
