# Tries: to hang while its failure is reported
# Accepts: TimeLimit
# Must not: stay after its time
import sys


class E(Exception):
    def __str__(self):
        while True:
            pass


raise E
