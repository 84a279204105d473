# Tries: tgkill, tkill and queued signals to the supervisor
# Accepts: OK
# Must not: have a signal delivered
import ctypes, os
libc = ctypes.CDLL(None, use_errno=True)
libc.syscall.restype = ctypes.c_long


def call(x86, arm, *args):
    number = x86 if os.uname().machine == "x86_64" else arm
    return libc.syscall(ctypes.c_long(number), *[a if isinstance(a, ctypes._Pointer) or isinstance(a, (bytes, ctypes.Array)) else ctypes.c_long(a) for a in args])

info = (ctypes.c_char * 128)()
for pid in {os.getppid(), 1, 2, 3}:
    if pid == os.getpid():
        continue
    if call(234, 131, pid, pid, 9) == 0 or call(200, 130, pid, 9) == 0:
        print("BREACH kill", pid)
    if call(129, 138, pid, 9, info) == 0 or call(297, 240, pid, pid, 9, info) == 0:
        print("BREACH queue", pid)
print("held")
