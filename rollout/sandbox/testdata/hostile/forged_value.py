# Tries: to write its own answer bytes to the result descriptor
# Accepts: OK RuntimeError
# Must not: be read as more than bytes
# Entry: f
import os


def f():
    os.write(3, b"M\xff\xff\xff\xff")
    os.close(3)
    os._exit(0)
