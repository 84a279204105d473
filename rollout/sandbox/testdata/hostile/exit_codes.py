# Tries: exit codes that a runner might keep for itself
# Accepts: RuntimeError
# Must not: turn into an error of the machinery
# Input: 111
import os
os._exit(int(input()))
