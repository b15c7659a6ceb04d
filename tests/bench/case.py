"""What a case of the bench is: a function with a name, given the stack and how long to measure."""

from collections.abc import Callable
from dataclasses import dataclass

from tests.bench.measure import Row, Series, interleaved
from tests.bench.stack import Stack


@dataclass(frozen=True)
class Bench:
    """`rounds` of each pair, `seconds` for each sample."""

    stack: Stack
    rounds: int
    seconds: float

    def interleaved(self, *runs: Callable[[], float], times: int = 1) -> list[Series]:
        """The figures of each, measured in turn; ``times`` as many rounds where they differ much."""
        return interleaved(*runs, rounds=times * self.rounds)


CASES: dict[str, Callable[[Bench], list[Row]]] = {}


def case(name: str) -> Callable[[Callable[[Bench], list[Row]]], Callable[[Bench], list[Row]]]:
    """Register a case under a name that a person may type a part of."""

    def add(run: Callable[[Bench], list[Row]]) -> Callable[[Bench], list[Row]]:
        CASES[name] = run
        return run

    return add
