# Tries: to read and write the supervisor's memory
# Accepts: OK
# Must not: reach another process' memory
import ctypes, os
libc = ctypes.CDLL(None, use_errno=True)
libc.syscall.restype = ctypes.c_long


def call(x86, arm, *args):
    number = x86 if os.uname().machine == "x86_64" else arm
    return libc.syscall(ctypes.c_long(number), *[a if isinstance(a, ctypes._Pointer) or isinstance(a, (bytes, ctypes.Array)) else ctypes.c_long(a) for a in args])

buf = (ctypes.c_char * 64)()
iov = (ctypes.c_uint64 * 2)(ctypes.addressof(buf), 64)
there = (ctypes.c_uint64 * 2)(id(0), 64)
for pid in (os.getppid(), 1, 2):
    if pid == os.getpid():
        continue
    if call(310, 270, pid, iov, 1, there, 1, 0) > 0 or call(311, 271, pid, iov, 1, there, 1, 0) > 0:
        print("BREACH", pid)
    for name in ("mem", "environ", "auxv", "maps", "stack", "syscall"):
        try:
            with open("/proc/%d/%s" % (pid, name), "rb") as f:
                f.read(1)
                print("BREACH", pid, name)
        except OSError:
            pass
print("held")
