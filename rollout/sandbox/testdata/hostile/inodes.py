# Tries: to make files without end
# Accepts: OK
# Must not: make more than the folder holds
n = 0
try:
    for i in range(100000):
        open("f%d" % i, "w").close()
        n += 1
except OSError:
    pass
print("BREACH" if n > 1000 else "held")
