# Tries: an integer operation that holds the interpreter and looks at no signal
# Accepts: TimeLimit MemoryLimit
# Must not: run on after its time
x = 9 ** 9 ** 8
x = x * x
print(len(str(x)))
