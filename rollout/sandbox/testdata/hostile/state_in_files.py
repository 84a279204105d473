# Tries: to leave word for the next test in files
# Accepts: OK
# Must not: find it there
# Runs: 3
import os
found = []
folders = (".", "/tmp", "/dev/shm", "/var/tmp")
for folder in folders:
    try:
        found += [n for n in os.listdir(folder) if n in ("left", "deep")]
    except OSError:
        pass
for folder in folders:
    try:
        with open(folder + "/left", "w") as f:
            f.write("x")
        os.mkdir(folder + "/deep")
        os.symlink("/", folder + "/deep/link")
        os.chmod(folder + "/deep", 0)
        os.chmod(folder, 0o711)
    except OSError:
        pass
print("BREACH" if found else "held", found)
