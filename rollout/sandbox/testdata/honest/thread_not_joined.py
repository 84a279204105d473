# Honest: output of a thread that was started but not joined
# Prints: thread\n
import threading, time


def work():
    time.sleep(0.05)
    print("thread")


threading.Thread(target=work).start()
