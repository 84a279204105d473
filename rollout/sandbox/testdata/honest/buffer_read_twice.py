# Honest: sys.stdin.buffer read line by line and then to the end
# Input: 1\n2\n3\n4\n
# Prints: b'1\\n' b'2\\n' b'3\\n4\\n' \n
import sys
a = sys.stdin.buffer.readline()
b = sys.stdin.buffer.readline()
print(a, b, sys.stdin.buffer.read(), sys.stdin.read())
