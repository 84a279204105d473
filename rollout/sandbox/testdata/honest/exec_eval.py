# Honest: exec and eval of its own text
# Prints: 42\n
exec("def f(x):\n    return x + 1")
print(eval("f(41)"))
