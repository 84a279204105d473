# Honest: its own buffered file on descriptor 1, never flushed
# Prints: x\n
out = open(1, "w")
out.write("x\n")
