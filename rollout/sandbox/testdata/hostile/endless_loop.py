# Tries: to run for ever
# Accepts: TimeLimit
# Must not: run on after its time
while True:
    pass
