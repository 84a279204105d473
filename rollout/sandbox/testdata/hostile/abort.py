# Tries: to abort and leave a core file
# Accepts: RuntimeError
# Must not: write a core
import os, resource
try:
    resource.setrlimit(resource.RLIMIT_CORE, (1 << 20, 1 << 20))
except (OSError, ValueError):
    pass
os.abort()
