# Honest: to pickle and copy a class of the program itself
# Prints: 5 6\n
import copy, pickle


class P:
    def __init__(self, x):
        self.x = x


print(pickle.loads(pickle.dumps(P(5))).x, copy.deepcopy(P(6)).x)
