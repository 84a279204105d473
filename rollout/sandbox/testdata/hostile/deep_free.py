# Tries: a structure whose freeing recurses
# Accepts: RuntimeError OK TimeLimit
# Must not: take the session with it
class Node:
    pass


head = None
for _ in range(400000):
    n = Node()
    n.next = head
    head = n
del head, n
