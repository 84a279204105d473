# Tries: to execute a program from memory by execveat and fexecve
# Accepts: OK
# Must not: execute anything
import ctypes, os
libc = ctypes.CDLL(None, use_errno=True)
libc.syscall.restype = ctypes.c_long


def call(x86, arm, *args):
    number = x86 if os.uname().machine == "x86_64" else arm
    return libc.syscall(ctypes.c_long(number), *[a if isinstance(a, ctypes._Pointer) or isinstance(a, (bytes, ctypes.Array)) else ctypes.c_long(a) for a in args])

try:
    fd = os.open("/proc/self/exe", os.O_RDONLY)
except OSError:
    fd = 0
call(322, 281, fd, b"", 0, 0, 0x1000)
try:
    os.execve(fd, ["x", "-c", "print('BREACH')"], {})
except (OSError, TypeError):
    pass
print("held")
