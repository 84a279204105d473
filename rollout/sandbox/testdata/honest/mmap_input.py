# Honest: to map standard input
# Input: ab\ncd\n
# Prints: b'ab\\n' b'cd\\n'\n
import mmap
m = mmap.mmap(0, 0, access=mmap.ACCESS_READ)
print(m.readline(), m.readline())
