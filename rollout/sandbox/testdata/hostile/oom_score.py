# Tries: to have others killed for its memory
# Accepts: OK
# Must not: lower its own score or raise another's
import os
for pid, value in (("self", "-1000"), ("self", "0"), (str(os.getppid()), "1000"), ("1", "1000")):
    try:
        with open("/proc/%s/oom_score_adj" % pid, "w") as f:
            f.write(value)
        print("BREACH", pid, value)
    except OSError:
        pass
print("held")
