# Tries: to write, rename, link, unlink and change modes outside its work folder
# Accepts: OK
# Must not: change a file
import os, sys
lib = os.path.dirname(os.__file__)
for path in ("/x", "/etc/x", "/usr/x", lib + "/x.py", "/var/tmp/x", "/dev/shm/x", "/dev/x", "/sandbox/x", "/home/x", "/root/x", "/proc/self/comm"):
    for f in (lambda: open(path, "w").write("x"), lambda: os.mkdir(path + "d"), lambda: os.symlink("/etc", path + "l"), lambda: os.mkfifo(path + "p")):
        try:
            f()
            print("BREACH", path)
        except OSError:
            pass
for f in (lambda: os.chmod(os.__file__, 0o777), lambda: os.utime(os.__file__), lambda: os.unlink(os.__file__), lambda: os.rename(os.__file__, lib + "/os2.py"),
          lambda: os.truncate(os.__file__, 0), lambda: os.link(os.__file__, lib + "/os2.py"), lambda: os.chown(os.__file__, 0, 0),
          lambda: os.setxattr(os.__file__, "user.x", b"x"), lambda: os.chmod("/", 0o777)):
    try:
        f()
        print("BREACH", "changed")
    except OSError:
        pass
print("held")
