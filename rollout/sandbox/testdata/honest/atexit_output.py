# Honest: output at exit
# Prints: start\nend\n
import atexit
atexit.register(lambda: print("end"))
print("start")
