# Tries: to leave word for the next test in modules, the environment, limits and the stream positions
# Accepts: OK
# Must not: find it there
# Runs: 3
# Input: input
import builtins, os, resource, sys
if hasattr(builtins, "left") or hasattr(os, "left") or "left" in os.environ or os.read(0, 100) != b"input" or os.umask(0) == 0o77:
    print("BREACH")
builtins.left = os.left = os.environ["left"] = "x"
os.umask(0o77)
sys.setrecursionlimit(77)
resource.setrlimit(resource.RLIMIT_NOFILE, (8, 8))
print("held")
