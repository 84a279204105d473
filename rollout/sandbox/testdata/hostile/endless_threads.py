# Tries: to run for ever in threads that the main one does not wait for
# Accepts: TimeLimit
# Must not: outlive the run
import threading


def spin():
    while True:
        pass


threading.Thread(target=spin).start()
