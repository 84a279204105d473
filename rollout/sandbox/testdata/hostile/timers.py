# Tries: posix timers, which queue signals without a limit of their own
# Accepts: OK
# Must not: make one
import ctypes, os
libc = ctypes.CDLL(None, use_errno=True)
libc.syscall.restype = ctypes.c_long


def call(x86, arm, *args):
    number = x86 if os.uname().machine == "x86_64" else arm
    return libc.syscall(ctypes.c_long(number), *[a if isinstance(a, ctypes._Pointer) or isinstance(a, (bytes, ctypes.Array)) else ctypes.c_long(a) for a in args])

t = (ctypes.c_int * 1)()
print("BREACH" if call(222, 107, 1, 0, t) == 0 else "held")
