# Honest: input(), sys.stdin and os.read after each other
# Input: 1\n2\n3\n4
# Prints: 1 2 ['3', '4']\nend\n
import sys
a = input()
b = sys.stdin.readline().strip()
c = [line.strip() for line in sys.stdin]
print(a, b, c)
try:
    input()
except EOFError:
    print("end")
