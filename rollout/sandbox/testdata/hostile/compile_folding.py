# Tries: constants that a compiler might compute: powers, shifts, products
# Accepts: OK CompileError RuntimeError MemoryLimit TimeLimit
# Must not: hold up the supervisor
def f():
    return 9 ** 9 ** 9 ** 9, 1 << 10 ** 18, "x" * 10 ** 12, ((),) * 10 ** 12
