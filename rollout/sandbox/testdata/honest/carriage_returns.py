# Honest: input with carriage returns
# Input: a b\r\n1 2\r\n
# Prints: 'a b\\r' ['1', '2']\n
print(repr(input()), input().split())
