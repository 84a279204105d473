# Honest: integers of thousands of digits as text
# Prints: 9543\n
import sys
if hasattr(sys, "set_int_max_str_digits"):
    sys.set_int_max_str_digits(0)
print(len(str(3 ** 20000)))
