# Honest: a builtin replaced by its own
# Input: a\nb\n
# Prints: ab\n
import builtins, sys
builtins.input = lambda: sys.stdin.readline().rstrip("\n")
print(input() + input())
