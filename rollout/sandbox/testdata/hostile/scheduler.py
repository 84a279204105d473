# Tries: to slow others down: priority, affinity, real-time scheduling and I/O priority of its supervisor
# Accepts: OK
# Must not: change another process' scheduling
import ctypes, os
libc = ctypes.CDLL(None, use_errno=True)
libc.syscall.restype = ctypes.c_long


def call(x86, arm, *args):
    number = x86 if os.uname().machine == "x86_64" else arm
    return libc.syscall(ctypes.c_long(number), *[a if isinstance(a, ctypes._Pointer) or isinstance(a, (bytes, ctypes.Array)) else ctypes.c_long(a) for a in args])

for pid in (os.getppid(), 1, 0):
    for f in (lambda: os.setpriority(os.PRIO_PROCESS, pid, 19) if pid else os.setpriority(os.PRIO_USER, 0, 19),
              lambda: os.sched_setaffinity(pid, {0}), lambda: os.sched_setscheduler(pid, os.SCHED_IDLE, os.sched_param(0)),
              lambda: os.sched_setscheduler(pid, os.SCHED_FIFO, os.sched_param(1)), lambda: os.setpriority(os.PRIO_PGRP, 0, 19)):
        try:
            f()
            print("BREACH", pid)
        except OSError:
            pass
    if call(251, 30, 1, pid, 0x6000) == 0:
        print("BREACH ioprio")
print("held")
