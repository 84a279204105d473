# Tries: to find the expected output in its callers' frames
# Accepts: OK
# Must not: find it
import sys
f = sys._getframe()
while f is not None:
    for space in (f.f_locals, f.f_globals):
        for v in list(space.values()):
            if ("expected" + "-" + "needle") in str(v):
                print("BREACH", f.f_code.co_name)
    f = f.f_back
print("held")
