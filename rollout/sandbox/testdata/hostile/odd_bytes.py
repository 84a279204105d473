# Tries: NUL bytes and invalid UTF-8 in both outputs
# Accepts: OK
# Must not: break the reader
import os
os.write(1, b"\x00\xff\xfe\xed\xa0\x80\x00" * 100)
os.write(2, b"\x00\xff\xfe\xed\xa0\x80\x00" * 100)
