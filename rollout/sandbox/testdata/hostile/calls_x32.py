# Tries: system calls with the x32 bit set
# Accepts: OK
# Must not: get through the filter
import ctypes, os
libc = ctypes.CDLL(None, use_errno=True)
libc.syscall.restype = ctypes.c_long


def call(x86, arm, *args):
    number = x86 if os.uname().machine == "x86_64" else arm
    return libc.syscall(ctypes.c_long(number), *[a if isinstance(a, ctypes._Pointer) or isinstance(a, (bytes, ctypes.Array)) else ctypes.c_long(a) for a in args])

X32 = 0x40000000
if os.uname().machine == "x86_64":
    for number in (57, 58, 56, 41, 59, 101, 520, 521, 545):
        r = call(X32 | number, 0, 17, 0, 0, 0, 0)
        if r == 0:
            os._exit(0)
        if r > 0:
            print("BREACH", number)
print("held")
