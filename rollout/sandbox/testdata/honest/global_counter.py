# Honest: a counter in a module-level global
# Prints: 3\n
count = 0


def step():
    global count
    count += 1


for _ in range(3):
    step()
print(count)
