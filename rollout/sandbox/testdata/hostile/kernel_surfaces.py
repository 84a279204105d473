# Tries: bpf, perf events, userfaultfd, key rings, fanotify, inotify, kexec, modules, landlock, seccomp listeners
# Accepts: OK
# Must not: get a descriptor or a key
import ctypes, os
libc = ctypes.CDLL(None, use_errno=True)
libc.syscall.restype = ctypes.c_long


def call(x86, arm, *args):
    number = x86 if os.uname().machine == "x86_64" else arm
    return libc.syscall(ctypes.c_long(number), *[a if isinstance(a, ctypes._Pointer) or isinstance(a, (bytes, ctypes.Array)) else ctypes.c_long(a) for a in args])

attr = (ctypes.c_char * 256)()
tries = {
    "bpf": (321, 280, 0, attr, 72), "perf_event_open": (298, 241, attr, 0, -1, -1, 0),
    "userfaultfd": (323, 282, 1), "add_key": (248, 217, b"user", b"x", b"y", 1, -3), "keyctl": (250, 219, 0, -3, 1),
    "request_key": (249, 218, b"user", b"x", 0, -3), "fanotify_init": (300, 262, 0, 0), "inotify_init1": (294, 26, 0),
    "init_module": (175, 105, attr, 256, b""), "kexec_load": (246, 104, 0, 0, 0, 0), "memfd_create": (319, 279, b"x", 0),
    "memfd_secret": (447, 447, 0), "signalfd4": (289, 74, -1, attr, 8, 0), "timerfd_create": (283, 85, 1, 0),
    "seccomp": (317, 277, 1, 8, attr), "landlock_create_ruleset": (444, 444, attr, 8, 0), "name_to_handle_at": (303, 264, -100, b"/", attr, attr, 0),
    "open_by_handle_at": (304, 265, -100, attr, 0), "fsopen": (430, 430, b"tmpfs", 0), "open_tree": (428, 428, -100, b"/", 1),
    "pidfd_open": (434, 434, 1, 0), "process_madvise": (440, 440, 0, 0, 0, 0, 0), "quotactl": (179, 60, 0, 0, 0, 0),
    "acct": (163, 89, b"/x"), "swapon": (167, 224, b"/x", 0), "syslog": (103, 116, 3, attr, 200), "vhangup": (153, 58),
}
for name, args in tries.items():
    if call(*args) >= 0:
        print("BREACH", name)
print("held")
