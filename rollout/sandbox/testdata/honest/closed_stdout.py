# Honest: to close standard output itself
# Prints: x\n
import sys
print("x")
sys.stdout.close()
