# Tries: a tree of files that is hard to remove: deep, without rights, with odd names
# Accepts: OK
# Must not: hold up or break the session
# Runs: 3
import os
try:
    for i in range(100):
        os.mkdir("d\n\xff" + "x" * 200)
        os.chmod(".", 0)
        os.chdir("d\n\xff" + "x" * 200)
except OSError:
    pass
print("held")
