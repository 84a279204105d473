# Tries: a SystemExit whose code is an object that fights back
# Accepts: RuntimeError TimeLimit
# Must not: confuse the runner
class Code(int):
    def __and__(self, other):
        raise KeyboardInterrupt

    def __eq__(self, other):
        return True


class Angry:
    def __str__(self):
        raise SystemExit(0)


raise SystemExit(Angry())
