# Tries: SIGIO to the supervisor: F_SETOWN, F_SETSIG and O_ASYNC on a pipe, FIOSETOWN, file leases
# Accepts: OK
# Must not: have a signal delivered
import fcntl, os, struct
r, w = os.pipe()
for command, value in ((8, os.getppid()), (15, struct.pack("ii", 1, os.getppid())), (10, 9), (1024, 1), (1026, 1), (1031, 1 << 20)):
    try:
        fcntl.fcntl(r, command, value)
        print("BREACH", command)
    except OSError:
        pass
for request in (0x8901, 0x8902, 0x5452):
    try:
        fcntl.ioctl(r, request, struct.pack("i", os.getppid()))
        print("BREACH ioctl", hex(request))
    except OSError:
        pass
print("held")
