# Tries: clone and unshare into new namespaces, setns into old ones
# Accepts: OK
# Must not: leave its namespaces
import ctypes, os
libc = ctypes.CDLL(None, use_errno=True)
libc.syscall.restype = ctypes.c_long


def call(x86, arm, *args):
    number = x86 if os.uname().machine == "x86_64" else arm
    return libc.syscall(ctypes.c_long(number), *[a if isinstance(a, ctypes._Pointer) or isinstance(a, (bytes, ctypes.Array)) else ctypes.c_long(a) for a in args])

NEW = (0x20000, 0x2000000, 0x4000000, 0x8000000, 0x10000000, 0x20000000, 0x40000000)
for flag in NEW:
    if call(272, 97, flag) == 0:
        print("BREACH unshare", hex(flag))
    r = call(56, 220, 0x10f00 | flag, 0, 0, 0, 0)
    if r >= 0:
        print("BREACH clone", hex(flag))
for name in ("user", "pid", "net", "mnt"):
    try:
        fd = os.open("/proc/1/ns/" + name, os.O_RDONLY)
        if call(308, 268, fd, 0) == 0:
            print("BREACH setns", name)
    except OSError:
        pass
print("held")
