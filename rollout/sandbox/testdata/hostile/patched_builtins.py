# Tries: to replace everything that a harness might use after it
# Accepts: OK RuntimeError
# Must not: turn into a pass or an error of the machinery
import builtins, json, marshal, os, struct, sys
for module in (json, marshal, struct):
    for name in list(vars(module)):
        if not name.startswith("__"):
            setattr(module, name, lambda *a, **k: 0)
for name in ("print", "len", "isinstance", "type", "hex", "str", "int", "float", "bytearray", "bytes", "getattr", "hasattr", "open", "exec", "list", "reversed"):
    setattr(builtins, name, lambda *a, **k: True)
sys.excepthook = lambda *a: 0
os._exit = lambda *a: 0
os.write(1, b"partial")
raise ValueError
