"""Figures and ratios: every case beside its limit, round by round, so that both meet the same weather."""

import statistics
from collections.abc import Callable, Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Series:
    """The figures of all rounds of one thing."""

    figures: Sequence[float]

    @property
    def median(self) -> float:
        return statistics.median(self.figures)

    def said(self, unit: str) -> str:
        """The median with its spread, for a table."""
        return f"{_short(self.median)} {unit} ({_short(min(self.figures))}-{_short(max(self.figures))})"


@dataclass(frozen=True)
class Row:
    """One line of the report. `is_reached` is None where nothing was promised."""

    name: str
    own: str
    limit: str = ""
    ratio: str = ""
    goal: str = ""
    is_reached: bool | None = None


def interleaved(*runs: Callable[[], float], rounds: int) -> list[Series]:
    """Run all of them in turn, `rounds` times, every second round backwards; return each one's figures."""
    figures: list[list[float]] = [[] for _run in runs]
    for turn in range(rounds):
        order = range(len(runs)) if turn % 2 == 0 else reversed(range(len(runs)))
        for number in order:
            figures[number].append(runs[number]())
    return [Series(each) for each in figures]


def compare(name: str, *, own: Series, limit: Series, unit: str, at_least: float) -> Row:
    """How near we come to a limit: ratio of each round, median and spread. More is better."""
    ratios = Series([100 * ours / best for ours, best in zip(own.figures, limit.figures, strict=True)])
    return Row(
        name, own.said(unit), limit.said(unit), ratios.said("%"), f"≥ {100 * at_least:.0f} %",
        ratios.median >= 100 * at_least,
    )  # fmt: skip


def times(name: str, *, own: Series, limit: Series, unit: str, at_most: float) -> Row:
    """How much longer we take than something else (a limit, or ourselves with fewer rows). Less is better."""
    ratios = Series([ours / best for ours, best in zip(own.figures, limit.figures, strict=True)])
    return Row(name, own.said(unit), limit.said(unit), ratios.said("x"), f"≤ {at_most:g} x", ratios.median <= at_most)


def absolute(name: str, *, own: Series, unit: str, at_most: float | None = None) -> Row:
    """A figure that stands for itself."""
    goal = "" if at_most is None else f"≤ {at_most:g} {unit}"
    return Row(name, own.said(unit), goal=goal, is_reached=None if at_most is None else own.median <= at_most)


def counted(name: str, *, own: float, unit: str, exactly: float) -> Row:
    """A number that must be this and no other."""
    return Row(name, f"{own:g} {unit}", goal=f"= {exactly:g}", is_reached=own == exactly)


def _short(figure: float) -> str:
    if abs(figure) >= 100:
        return f"{figure:,.0f}"
    return f"{figure:.1f}" if abs(figure) >= 10 else f"{figure:.2f}"
