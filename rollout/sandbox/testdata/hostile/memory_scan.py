# Tries: to find the expected output anywhere in its memory
# Accepts: OK
# Must not: find it
needle = bytes(b ^ 1 for b in b"dyqdbude,oddemd")  # not in this text
found = 0
try:
    mem = open("/proc/self/mem", "rb", 0)
    for line in open("/proc/self/maps"):
        area, rights = line.split()[:2]
        start, end = (int(x, 16) for x in area.split("-"))
        if "r" not in rights or end - start > 1 << 26 or "[v" in line:
            continue
        try:
            mem.seek(start)
            data = mem.read(end - start)
        except (OSError, ValueError):
            continue
        at = data.find(needle)
        while at >= 0:
            found += 1
            at = data.find(needle, at + 1)
        del data
except OSError:
    pass
print("BREACH" if found > 4 else "held")  # its own copies
