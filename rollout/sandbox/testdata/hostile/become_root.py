# Tries: to become another user and to regain capabilities
# Accepts: OK
# Must not: change its credentials
import ctypes, os
libc = ctypes.CDLL(None, use_errno=True)
libc.syscall.restype = ctypes.c_long


def call(x86, arm, *args):
    number = x86 if os.uname().machine == "x86_64" else arm
    return libc.syscall(ctypes.c_long(number), *[a if isinstance(a, ctypes._Pointer) or isinstance(a, (bytes, ctypes.Array)) else ctypes.c_long(a) for a in args])

for f, args in ((os.setuid, (0,)), (os.setgid, (0,)), (os.setresuid, (1, 1, 1)), (os.setgroups, ([0],)), (os.setuid, (1,))):
    before = os.getresuid(), os.getresgid()
    try:
        f(*args)
    except OSError:
        pass
    if (os.getresuid(), os.getresgid()) != before:
        print("BREACH", f)
header = (ctypes.c_uint32 * 2)(0x20080522, 0)
data = (ctypes.c_uint32 * 6)(*[0xffffffff] * 6)
if call(126, 91, header, data) == 0:
    print("BREACH capset")
for option, a, b in ((47, 2, 21), (8, 1, 0), (28, 0, 0), (24, 1, 0), (22, 2, 0)):  # ambient, keepcaps, securebits, bounding, seccomp
    if libc.prctl(option, a, b, 0, 0) == 0:
        print("BREACH prctl", option)
print("held")
