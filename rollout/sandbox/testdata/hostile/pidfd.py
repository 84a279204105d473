# Tries: pidfds: to open, signal and steal descriptors from the supervisor
# Accepts: OK
# Must not: get a pidfd
import ctypes, os
libc = ctypes.CDLL(None, use_errno=True)
libc.syscall.restype = ctypes.c_long


def call(x86, arm, *args):
    number = x86 if os.uname().machine == "x86_64" else arm
    return libc.syscall(ctypes.c_long(number), *[a if isinstance(a, ctypes._Pointer) or isinstance(a, (bytes, ctypes.Array)) else ctypes.c_long(a) for a in args])

for pid in (os.getppid(), 1):
    fd = call(434, 434, pid, 0)
    if fd >= 0:
        print("BREACH open")
        call(424, 424, fd, 9, 0, 0)
        for n in range(256):
            if call(438, 438, fd, n, 0) >= 0:
                print("BREACH getfd", n)
print("held")
