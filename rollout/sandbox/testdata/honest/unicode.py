# Honest: text in and out beyond ASCII
# Input: aéŽ😀\n
# Prints: 😀Žéa 4 é😀\n
s = input()
print(s[::-1], len(s), "\u00e9\U0001f600")
