# Tries: a file larger than the output limit
# Accepts: OutputLimit OK RuntimeError
# Must not: write it
try:
    f = open("f", "wb")
except OSError:
    raise SystemExit
f.truncate(1 << 40)
print("BREACH")
