# Tries: to read the host's files
# Accepts: OK
# Must not: read what is not the interpreter's
import os
for path in ("/etc/shadow", "/etc/passwd", "/root", "/home", "/var", "/proc/1/environ", "/proc/1/cmdline", "/proc/kcore", "/proc/kmsg",
             "/sys/kernel", "/boot", "/etc/hostname", "/root/.ssh", "/proc/1/root", "/proc/1/cwd", "/run", "/proc/config.gz", "/proc/mounts"):
    try:
        if os.path.isdir(path):
            if os.listdir(path):
                print("BREACH", path)
        else:
            with open(path, "rb") as f:
                if f.read(1) and path not in ("/proc/1/cmdline", "/proc/mounts"):
                    print("BREACH", path)
    except OSError:
        pass
print("held")
