"""How often something can be done in a second, ours and the ceiling in turn."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from benchmarks.measured import Progress


@dataclass(slots=True)
class Pairs:
    """Rates, a second, of runs that were neighbours in time."""

    ours: list[float] = field(default_factory=list)
    ceiling: list[float] = field(default_factory=list)


async def interleaved(
    ours: Callable[[float], Awaitable[float]],
    ceiling: Callable[[float], Awaitable[float]],
    progress: Progress,
    *,
    pairs: int,
    seconds: float,
) -> Pairs:
    """Rates of ours, the ceiling, ours, the ceiling …; each is called with the seconds that it may take.

    One run of each goes before that does not count: connections are opened in it, and statements compiled.
    """
    await ours(seconds / 2)
    await ceiling(seconds / 2)
    measured = Pairs()
    for number in range(pairs):
        progress(number / pairs, "ours")
        measured.ours.append(await ours(seconds))
        progress((number + 0.5) / pairs, "ceiling")
        measured.ceiling.append(await ceiling(seconds))
    return measured


async def rate(work: Callable[[int], Awaitable[None]], tasks: int, seconds: float) -> float:
    """How often a second so many tasks at once can do the work; it is called with the number of its task.

    The time ends when the last of them is done, what was begun in time counts.
    """
    began = time.perf_counter()
    until = began + seconds
    done = 0

    async def again_and_again(number: int) -> None:
        nonlocal done
        while time.perf_counter() < until:
            await work(number)
            done += 1

    async with asyncio.TaskGroup() as group:
        for number in range(tasks):
            group.create_task(again_and_again(number))
    return done / (time.perf_counter() - began)
