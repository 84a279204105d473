# Honest: sys.exit(0) deep inside
# Prints: x\n
import sys


def main():
    print("x")
    sys.exit(0)


main()
