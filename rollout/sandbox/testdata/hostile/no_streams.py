# Tries: to take the standard streams away before the end
# Accepts: OK RuntimeError
# Must not: confuse the runner
import sys
sys.stdout = sys.stderr = sys.stdin = None
sys.__stdout__ = None
del sys.modules["__main__"]
