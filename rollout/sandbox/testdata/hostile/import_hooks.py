# Tries: to hide behind import hooks and a trace function
# Accepts: OK RuntimeError
# Must not: turn into an error of the machinery
import sys


class Hook:
    def find_spec(self, *a):
        raise SystemExit(0)


sys.meta_path[:] = [Hook()]
sys.path[:] = []
sys.modules.clear()
sys.settrace(lambda *a: None)
