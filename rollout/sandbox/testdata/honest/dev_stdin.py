# Honest: to read /dev/stdin
# Input: 1 2\n3\n
# Prints: ['1', '2', '3']\n
print(open("/dev/stdin").read().split())
