# Honest: to write a file and read it back
# Prints: hello\n
# Tier: namespaces
import tempfile
with open("f.txt", "w") as f:
    f.write("hello")
with tempfile.TemporaryFile() as t:
    t.write(b"x")
print(open("f.txt").read())
