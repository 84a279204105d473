# Honest: the body under if __name__ == '__main__'
# Prints: True ['solution.py'] __main__\n
import sys


def main():
    print(sys.modules["__main__"].main is main, sys.argv, __name__)


if __name__ == "__main__":
    main()
