# Tries: memory that no address space counts: memfd, System V shared memory, message queues, semaphores, pipes made large
# Accepts: OK
# Must not: get any
import ctypes, os
libc = ctypes.CDLL(None, use_errno=True)
libc.syscall.restype = ctypes.c_long


def call(x86, arm, *args):
    number = x86 if os.uname().machine == "x86_64" else arm
    return libc.syscall(ctypes.c_long(number), *[a if isinstance(a, ctypes._Pointer) or isinstance(a, (bytes, ctypes.Array)) else ctypes.c_long(a) for a in args])

import fcntl
if call(319, 279, b"x", 0) >= 0:
    print("BREACH memfd")
if call(29, 194, 0, 1 << 20, 0o1600) >= 0:
    print("BREACH shmget")
if call(68, 186, 0, 0o1600) >= 0:
    print("BREACH msgget")
if call(64, 190, 0, 100, 0o1600) >= 0:
    print("BREACH semget")
if call(240, 180, b"q", 0o102, 0o600, 0) >= 0:
    print("BREACH mq_open")
r, w = os.pipe()
try:
    fcntl.fcntl(w, 1031, 1 << 20)
    print("BREACH pipe")
except OSError:
    pass
if call(149, 228, id(r), 1 << 20) == 0 or call(151, 230, 3) == 0:
    print("BREACH mlock")
print("held")
