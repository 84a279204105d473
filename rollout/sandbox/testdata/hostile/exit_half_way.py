# Tries: to leave by os._exit with part of its output written
# Accepts: OK
# Must not: be anything but what it wrote
import os
os.write(1, b"part")
print("lost in the buffer")
os._exit(0)
