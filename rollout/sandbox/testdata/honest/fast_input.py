# Honest: os.read of a whole file size, as contest templates do
# Input: 1\n2\n3\n
# Prints: 6\n
import io, os, sys
sys.stdin = io.StringIO(os.read(0, os.fstat(0).st_size).decode())
input = sys.stdin.readline
print(sum(int(input()) for _ in range(3)))
