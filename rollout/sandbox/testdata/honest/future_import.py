# Honest: a future import, which must come first
# Prints: A docstring. __main__\n1\n
"""A docstring."""
from __future__ import annotations
print(__doc__, __name__)


def f(x: Undefined) -> Undefined:
    return x


print(f(1))
