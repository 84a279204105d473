# Tries: io_setup, which takes from a pool that the whole host shares
# Accepts: OK
# Must not: get a context
import ctypes, os
libc = ctypes.CDLL(None, use_errno=True)
libc.syscall.restype = ctypes.c_long


def call(x86, arm, *args):
    number = x86 if os.uname().machine == "x86_64" else arm
    return libc.syscall(ctypes.c_long(number), *[a if isinstance(a, ctypes._Pointer) or isinstance(a, (bytes, ctypes.Array)) else ctypes.c_long(a) for a in args])

ctx = (ctypes.c_uint64 * 1)(0)
print("BREACH" if call(206, 0, 65536, ctx) == 0 else "held")
