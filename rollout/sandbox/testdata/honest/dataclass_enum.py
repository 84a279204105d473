# Honest: dataclasses and enums, which look up their own module
# Prints: P(x=1, e=<E.A: 1>) T(a=3)\n
# Wall: 10s
from dataclasses import dataclass
from enum import Enum
from typing import NamedTuple


class E(Enum):
    A = 1


@dataclass(order=True)
class P:
    x: int
    e: E = E.A


class T(NamedTuple):
    a: int


print(sorted([P(2), P(1)])[0], T(3))
