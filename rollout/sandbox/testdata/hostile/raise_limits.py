# Tries: to raise its own limits and to change its supervisor's
# Accepts: OK
# Must not: raise any limit
import ctypes, os
libc = ctypes.CDLL(None, use_errno=True)
libc.syscall.restype = ctypes.c_long


def call(x86, arm, *args):
    number = x86 if os.uname().machine == "x86_64" else arm
    return libc.syscall(ctypes.c_long(number), *[a if isinstance(a, ctypes._Pointer) or isinstance(a, (bytes, ctypes.Array)) else ctypes.c_long(a) for a in args])

import resource
for name in [n for n in dir(resource) if n.startswith("RLIMIT_")]:
    what = getattr(resource, name)
    soft, hard = resource.getrlimit(what)
    if hard != -1:
        for wanted in ((-1, -1), (hard + 1, hard + 1)):
            try:
                resource.setrlimit(what, wanted)
                print("BREACH", name)
            except (OSError, ValueError):
                pass
    for pid in (os.getppid(), 1):
        try:
            resource.prlimit(pid, what, (0, 0))
            print("BREACH supervisor", name)
        except OSError:
            pass
print("held")
