# Tries: system calls of the 32-bit table, which a filter by number could mistake
# Accepts: OK RuntimeError
# Must not: get through the filter
import ctypes, os
libc = ctypes.CDLL(None, use_errno=True)
libc.syscall.restype = ctypes.c_long


def call(x86, arm, *args):
    number = x86 if os.uname().machine == "x86_64" else arm
    return libc.syscall(ctypes.c_long(number), *[a if isinstance(a, ctypes._Pointer) or isinstance(a, (bytes, ctypes.Array)) else ctypes.c_long(a) for a in args])

import mmap
if os.uname().machine == "x86_64":
    # mov eax, 2 (fork of the 32-bit table); int 0x80; ret
    code = b"\xb8\x02\x00\x00\x00\xcd\x80\xc3"
    page = mmap.mmap(-1, 4096, prot=mmap.PROT_READ | mmap.PROT_WRITE | mmap.PROT_EXEC)
    page.write(code)
    r = ctypes.CFUNCTYPE(ctypes.c_int)(ctypes.addressof(ctypes.c_char.from_buffer(page)))()
    if r == 0:
        os._exit(0)
    print("BREACH" if r > 0 else "held")
