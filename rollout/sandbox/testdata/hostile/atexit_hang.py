# Tries: to hang at its end
# Accepts: TimeLimit
# Must not: stay after its time
import atexit


@atexit.register
def hang():
    while True:
        pass
