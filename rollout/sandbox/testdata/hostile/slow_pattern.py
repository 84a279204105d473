# Tries: a pattern that backtracks for ever
# Accepts: TimeLimit
# Must not: run on after its time
import re
re.match(r"(a+)+$", "a" * 60 + "b")
