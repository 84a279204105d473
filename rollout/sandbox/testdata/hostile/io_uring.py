# Tries: io_uring, which does file and socket calls past a system-call filter
# Accepts: OK
# Must not: get a ring
import ctypes, os
libc = ctypes.CDLL(None, use_errno=True)
libc.syscall.restype = ctypes.c_long


def call(x86, arm, *args):
    number = x86 if os.uname().machine == "x86_64" else arm
    return libc.syscall(ctypes.c_long(number), *[a if isinstance(a, ctypes._Pointer) or isinstance(a, (bytes, ctypes.Array)) else ctypes.c_long(a) for a in args])

params = (ctypes.c_char * 256)()
print("BREACH" if call(425, 425, 4, params) >= 0 else "held")
