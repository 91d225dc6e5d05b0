"""A scenario: its name, what it plays, and how much. A new one is a function in its theme's file and a line there."""

from __future__ import annotations

import random
import time
import traceback
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from tests.faults.stage import staged
from tests.faults.verdict import Verdict, judge

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from pathlib import Path

    from tests.faults.load import Size
    from tests.faults.stage import Stage


@dataclass(frozen=True, slots=True)
class Scenario:
    """``play`` returns once everything that it let ask is over and its processes have ended."""

    name: str
    play: Callable[[Stage], Awaitable[None]]
    database: str
    """``sqlite`` or ``postgresql``."""
    full: Size
    small: Size
    processes: int = 1
    """How many of the service run at the same time."""


@dataclass(slots=True)
class Result:
    """What became of a scenario. ``error``: it broke off, by whatever Python says."""

    name: str
    verdict: Verdict = field(default_factory=Verdict)
    seconds: float = 0.0
    error: str = ""

    @property
    def clean(self) -> bool:
        """Nothing lost, double, out of order or wrong, and played to its end."""
        return self.verdict.clean and not self.error


async def play(
    scenario: Scenario,
    size: Size,
    folder: Path,
    database_url: str,
    seed: int,
    watch: Callable[[Stage], None] = lambda _: None,
) -> Result:
    """Play it and judge it, however it ended. ``watch`` is given the stage as soon as it stands; ``seed`` draws every
    random time.
    """
    result = Result(scenario.name)
    began = time.monotonic()
    async with staged(size, folder, database_url, random.Random(seed)) as stage:  # noqa: S311 - times, no secrets
        watch(stage)
        try:
            await scenario.play(stage)
        except Exception:  # noqa: BLE001 - whatever it is, the other scenarios go on
            result.error = traceback.format_exc()
        result.verdict = judge(await stage.account())
    result.seconds = time.monotonic() - began
    return result
