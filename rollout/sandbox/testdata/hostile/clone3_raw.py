# Tries: the newer clone3
# Accepts: OK
# Must not: start a process
import ctypes, os
libc = ctypes.CDLL(None, use_errno=True)
libc.syscall.restype = ctypes.c_long


def call(x86, arm, *args):
    number = x86 if os.uname().machine == "x86_64" else arm
    return libc.syscall(ctypes.c_long(number), *[a if isinstance(a, ctypes._Pointer) or isinstance(a, (bytes, ctypes.Array)) else ctypes.c_long(a) for a in args])

args = (ctypes.c_uint64 * 11)(0, 0, 0, 0, 17)
r = call(435, 435, args, 88)
if r == 0:
    os._exit(0)
print("BREACH" if r > 0 else "held")
