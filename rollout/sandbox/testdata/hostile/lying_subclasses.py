# Tries: subclasses of plain types that lie about their contents
# Accepts: OK RuntimeError
# Must not: count as equal to anything
# Entry: f
class L(list):
    def __eq__(self, other):
        return True

    def __iter__(self):
        return iter([1] * 5)

    def __len__(self):
        return 1


class I(int):
    def __eq__(self, other):
        return True


class S(str):
    def __eq__(self, other):
        return True


def f():
    return [L(), I(3), S("x")]
