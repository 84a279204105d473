# Tries: to open and to make devices
# Accepts: OK
# Must not: get one beyond null, zero, full, random and urandom
import os, stat
for name in ("mem", "kmem", "port", "kmsg", "sda", "vda", "loop0", "fuse", "kvm", "net/tun", "ptmx", "console", "nvidia0", "shm"):
    try:
        os.open("/dev/" + name, os.O_RDONLY)
        print("BREACH", name)
    except OSError:
        pass
for kind in (stat.S_IFCHR, stat.S_IFBLK, stat.S_IFIFO, stat.S_IFSOCK):
    try:
        os.mknod("node", kind | 0o666, os.makedev(1, 1))
        print("BREACH", kind)
    except OSError:
        pass
for name in ("random", "urandom", "zero"):
    try:
        open("/dev/" + name, "wb", 0).write(b"x")
        print("BREACH write", name)
    except OSError:
        pass
print("held")
