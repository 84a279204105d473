# Tries: to use what its supervisor left in its memory: sockets, children, functions
# Accepts: OK
# Must not: have a message sent or a process ended
import os, sys

def frames():
    f = sys._getframe()
    while f is not None:
        yield f
        f = f.f_back

seen, todo = set(), [v for f in frames() for v in list(f.f_locals.values()) + list(f.f_globals.values())]
breaches = 0
while todo and len(seen) < 20000:
    v = todo.pop()
    if id(v) in seen:
        continue
    seen.add(id(v))
    kind = type(v).__name__
    if kind == "socket":
        for act in (lambda: v.send(b"c"), lambda: v.send(b"d" + bytes(39)), lambda: v.recv(1, 0x40)):
            try:
                act()
                breaches += 1
                print("BREACH", v)
            except (OSError, ValueError):
                pass
    elif kind == "Child":
        for act in (lambda: os.kill(v.pid, 9), lambda: v.channel.send(b"c"), v.end):
            try:
                act()
                breaches += 1
                print("BREACH", kind)
            except (OSError, ValueError, AttributeError):
                pass
        todo += vars(v).values()
    elif isinstance(v, dict):
        todo += list(v.values())[:1000]
    elif isinstance(v, (list, tuple)):
        todo += list(v)[:1000]
print("held" if not breaches else breaches)
