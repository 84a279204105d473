# Tries: to lose the death signal, the dumpable flag or new-privileges bit, and to become a reaper
# Accepts: OK
# Must not: change them
import ctypes, os
libc = ctypes.CDLL(None, use_errno=True)
libc.syscall.restype = ctypes.c_long


def call(x86, arm, *args):
    number = x86 if os.uname().machine == "x86_64" else arm
    return libc.syscall(ctypes.c_long(number), *[a if isinstance(a, ctypes._Pointer) or isinstance(a, (bytes, ctypes.Array)) else ctypes.c_long(a) for a in args])

for option, a in ((1, 0), (4, 0), (4, 1), (38, 0), (36, 1), (41, 1), (35, 0), (33, 0), (0x59616d61, -1), (52, 0), (53, 0)):
    if libc.prctl(option, ctypes.c_ulong(a), 0, 0, 0) >= 0:
        print("BREACH", option)
print("held")
