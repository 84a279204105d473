# Tries: to crash the interpreter
# Accepts: RuntimeError
# Must not: take the session with it
import ctypes
ctypes.string_at(0)
