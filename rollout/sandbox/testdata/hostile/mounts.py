# Tries: mount, umount, pivot_root, chroot
# Accepts: OK
# Must not: change what is mounted
import ctypes, os
libc = ctypes.CDLL(None, use_errno=True)
libc.syscall.restype = ctypes.c_long


def call(x86, arm, *args):
    number = x86 if os.uname().machine == "x86_64" else arm
    return libc.syscall(ctypes.c_long(number), *[a if isinstance(a, ctypes._Pointer) or isinstance(a, (bytes, ctypes.Array)) else ctypes.c_long(a) for a in args])

if call(165, 40, b"tmpfs", b"/tmp", b"tmpfs", 0, 0) == 0 or call(166, 39, b"/proc", 2) == 0:
    print("BREACH mount")
if call(155, 41, b".", b".") == 0:
    print("BREACH pivot_root")
try:
    os.chroot("/usr")
    print("BREACH chroot")
except OSError:
    pass
print("held")
