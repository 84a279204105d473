# Tries: a returned object that claims to equal everything
# Accepts: OK
# Must not: count as plain data
# Entry: f
class Liar:
    def __eq__(self, other):
        return True

    def __hash__(self):
        return 0

    @property
    def __class__(self):
        return list

    def __iter__(self):
        return iter([])

    def __len__(self):
        return 0


def f():
    return Liar()
