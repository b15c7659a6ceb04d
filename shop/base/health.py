"""How something is doing, as operators and their machines read it."""

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Number:
    """One figure for ``/metrics``: its name, what it means, its value."""

    name: str
    meaning: str
    value: float


@dataclass(frozen=True, slots=True)
class Fact:
    """One word for ``/readyz`` (``ok``, or what is wrong) under a name, and the figures behind it."""

    name: str
    word: str
    numbers: Sequence[Number] = ()
