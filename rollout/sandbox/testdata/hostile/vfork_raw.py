# Tries: vfork through the C library
# Accepts: OK RuntimeError
# Must not: start a process
import ctypes, os
libc = ctypes.CDLL(None, use_errno=True)
libc.syscall.restype = ctypes.c_long


def call(x86, arm, *args):
    number = x86 if os.uname().machine == "x86_64" else arm
    return libc.syscall(ctypes.c_long(number), *[a if isinstance(a, ctypes._Pointer) or isinstance(a, (bytes, ctypes.Array)) else ctypes.c_long(a) for a in args])

r = libc.vfork()
if r == 0:
    os._exit(0)
print("BREACH" if r > 0 else "held")
