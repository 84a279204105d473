# Honest: set order and random numbers are the same in every run
# Prints: True True\n
import random
print(random.random() == 0.8444218515250481, list({"a", "b", "c"}) == list({"a", "b", "c"}))
