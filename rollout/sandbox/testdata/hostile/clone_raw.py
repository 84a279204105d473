# Tries: the clone system call itself, with and without shared memory
# Accepts: OK
# Must not: start a process
import ctypes, os
libc = ctypes.CDLL(None, use_errno=True)
libc.syscall.restype = ctypes.c_long


def call(x86, arm, *args):
    number = x86 if os.uname().machine == "x86_64" else arm
    return libc.syscall(ctypes.c_long(number), *[a if isinstance(a, ctypes._Pointer) or isinstance(a, (bytes, ctypes.Array)) else ctypes.c_long(a) for a in args])

SIGCHLD, VM, VFORK, PARENT, FILES = 17, 0x100, 0x4000, 0x8000, 0x400
for flags in (SIGCHLD, SIGCHLD | VM | VFORK, SIGCHLD | PARENT, SIGCHLD | FILES, 0):
    r = call(56, 220, flags, 0, 0, 0, 0)
    if r == 0:
        os._exit(0)
    if r > 0:
        print("BREACH", flags)
print("held")
