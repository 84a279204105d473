# Tries: to find the expected output among all objects
# Accepts: OK
# Must not: find it
import gc
gc.unfreeze()
needle = "expected" + "-" + "needle"
found = 0
for o in gc.get_objects():
    try:
        if isinstance(o, dict):
            found += any(isinstance(v, (str, bytes)) and str(v) == needle for v in o.values())
        elif isinstance(o, (list, tuple, set)):
            found += any(isinstance(v, (str, bytes)) and str(v) == needle for v in o)
    except Exception:
        pass
print("BREACH" if found > 3 else "held")
