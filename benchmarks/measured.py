"""What a benchmark hands back."""

from __future__ import annotations

import math
import statistics
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

from benchmarks.registry import BARS

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence


class NotMeasured(Exception):
    """What was asked for can't be measured on this machine; the message says why."""


class Progress(Protocol):
    """What tells how far a benchmark is."""

    def __call__(self, done: float, doing: str = "") -> None:
        """``done``: from 0 to 1. ``doing``: a word or two."""


@dataclass(frozen=True, slots=True)
class Result:
    """One figure beside its bar, and what it was made of."""

    key: str
    value: float
    unit: str
    bar: float
    at_least: bool
    """Whether the bar is a lower one: more is better."""
    aim: float | None = None
    """What would be better than the bar asks."""
    ceiling: Mapping[str, float] = field(default_factory=dict)
    """The raw figures of the same run: ours, and the peer's or ceiling's, each with its unit in its name."""
    runs: Sequence[float] = ()
    """The value of each run; ``value`` is their median, where nothing else is said."""

    @property
    def passes(self) -> bool:
        """Whether the value reaches its bar."""
        return self.value >= self.bar if self.at_least else self.value <= self.bar


def measured(key: str, value: float, ceiling: Mapping[str, float], runs: Sequence[float] = ()) -> Result:
    """The result of a key, with its bar."""
    bar = BARS[key]
    return Result(key, value, bar.unit, bar.bar, bar.at_least, bar.aim, ceiling, runs)


def ratio(key: str, ours: Sequence[float], theirs: Sequence[float], /, **raw: float) -> Result:
    """The median of what each of our runs comes to beside its neighbour of the ceiling's (a rate by a rate)."""
    runs = [one / other for one, other in zip(ours, theirs, strict=True)]
    return measured(key, statistics.median(runs), raw, runs)


def percentile(values: Sequence[float], percent: float) -> float:
    """The smallest value that so many percent of the values do not exceed (nearest rank)."""
    rank = math.ceil(len(values) * percent / 100)
    return sorted(values)[max(rank, 1) - 1]


def short(figure: float) -> str:
    """The figure in three digits that count, or whole."""
    hundred, thousand = 100, 1000
    if abs(figure) >= thousand:
        return f"{figure:,.0f}"
    return f"{figure:.0f}" if abs(figure) >= hundred else f"{figure:.3g}"
