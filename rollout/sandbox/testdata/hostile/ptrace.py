# Tries: to trace its supervisor, itself and its siblings
# Accepts: OK
# Must not: read or stop another process
import ctypes, os
libc = ctypes.CDLL(None, use_errno=True)
libc.syscall.restype = ctypes.c_long


def call(x86, arm, *args):
    number = x86 if os.uname().machine == "x86_64" else arm
    return libc.syscall(ctypes.c_long(number), *[a if isinstance(a, ctypes._Pointer) or isinstance(a, (bytes, ctypes.Array)) else ctypes.c_long(a) for a in args])

for pid in [os.getppid(), 1] + list(range(1, 60)):
    if pid != os.getpid() and (call(101, 117, 16, pid, 0, 0) == 0 or call(101, 117, 0x4206, pid, 0, 0) == 0):
        print("BREACH", pid)
if call(101, 117, 0, 0, 0, 0) == 0:
    print("BREACH traceme")
print("held")
