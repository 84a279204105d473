# Tries: to fill the work folder
# Accepts: OK OutputLimit
# Must not: write more than the folder holds
total = 0
try:
    for i in range(1000):
        with open("f%d" % i, "wb") as f:
            total += f.write(b"x" * (4 << 20))
except OSError:
    pass
print("BREACH" if total > 64 << 20 else "held")
