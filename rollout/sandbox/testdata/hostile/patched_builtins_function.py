# Tries: the same in a function's problem
# Accepts: OK RuntimeError
# Must not: turn into an error of the machinery
# Entry: f
import builtins, struct


def f():
    for name in ("isinstance", "type", "hex", "list", "reversed", "len", "bytes", "getattr"):
        setattr(builtins, name, lambda *a, **k: True)
    struct.pack = lambda *a: b""
    return [1, 2, 3]
