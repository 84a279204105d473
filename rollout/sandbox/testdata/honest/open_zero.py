# Honest: open(0), the shortest way to read all
# Input: 1\n2\n3\n
# Prints: 6\n
n, *rest = open(0)
print(int(n) + sum(map(int, rest)))
