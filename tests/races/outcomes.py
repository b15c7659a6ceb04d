"""What came of one attempt in a race, and of all rounds together. Plain data: it travels between processes."""

from collections import Counter
from dataclasses import dataclass, field
from typing import Any

DONE, REFUSED, CRASHED = "done", "refused", "crashed"


@dataclass(frozen=True)
class Outcome:
    """``done`` with its value, ``refused`` with the word a client is told, or ``crashed``: what nobody may see."""

    kind: str
    value: Any = None
    word: str = ""
    milliseconds: float = 0.0

    @property
    def is_done(self) -> bool:
        return self.kind == DONE

    @property
    def told(self) -> str:
        """Return the outcome in one word, for tallies."""
        return self.word or self.kind


@dataclass
class Report:
    """All rounds of one scenario: what was seen to be wrong, rounds in which nobody succeeded, and tallies."""

    name: str
    seed: int
    is_planted: bool = False
    rounds: int = 0
    violations: list[str] = field(default_factory=list)
    barren: list[int] = field(default_factory=list)
    tally: Counter[str] = field(default_factory=Counter)
    slowest_ms: float = 0.0

    def note(self, outcomes: list[Outcome], *, wrong: list[str], is_fruitful: bool) -> None:
        """Take in one round."""
        self.rounds += 1
        self.tally.update(one.told for one in outcomes)
        self.slowest_ms = max([self.slowest_ms, *[one.milliseconds for one in outcomes]])
        crashes = [f"crashed: {one.value}" for one in outcomes if one.kind == CRASHED]
        self.violations += [f"round {self.rounds}: {what}" for what in [*wrong, *crashes]]
        if not is_fruitful:
            self.barren.append(self.rounds)

    @property
    def is_decided(self) -> bool:
        """Whether a planted mistake has been seen: further rounds would show the same."""
        return self.is_planted and bool(self.violations)

    def __str__(self) -> str:
        counts = ", ".join(f"{count} {word}" for word, count in self.tally.most_common())
        return (
            f"{self.name}: {self.rounds} rounds, {len(self.violations)} violations, {len(self.barren)} without success;"
            f" {counts}; slowest {self.slowest_ms:.0f} ms; seed {self.seed}"
        )

    def holds(self) -> None:
        """Fail unless nothing was wrong in any round and somebody succeeded in each."""
        print(self)  # noqa: T201 - the figures a reader asks for with -s
        assert self.rounds
        assert self.violations == []
        assert self.barren == []

    def met(self, *words: str) -> None:
        """Fail unless each of these ends came about: a race that always ends alike was none."""
        assert self.rounds < 100 or {word for word in words if not self.tally[word]} == set()

    def turns_red(self) -> None:
        """Fail unless the planted mistake was seen while somebody succeeded: a plant that breaks everything shows nothing."""
        print(f"planted, {self}", *self.violations[:2], sep="\n    ")  # noqa: T201
        assert self.violations, f"{self.name}: the planted mistake was not seen in {self.rounds} rounds"
        assert len(self.barren) < self.rounds, f"{self.name}: what was planted lets nobody succeed"
