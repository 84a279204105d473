# Honest: an alarm of its own
# Prints: rang\n
# Wall: 10s
import signal, time


def rang(*_):
    print("rang")
    raise SystemExit


signal.signal(signal.SIGALRM, rang)
signal.setitimer(signal.ITIMER_REAL, 0.05)
time.sleep(5)
