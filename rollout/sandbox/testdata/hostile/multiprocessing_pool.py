# Tries: processes by the standard library
# Accepts: OK RuntimeError
# Must not: start a process
import multiprocessing


def f(q):
    q.put("BREACH")


try:
    q = multiprocessing.Queue()
    p = multiprocessing.Process(target=f, args=(q,))
    p.start()
    print(q.get(timeout=1))
except OSError:
    print("held")
