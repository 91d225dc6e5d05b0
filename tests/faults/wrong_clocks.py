"""Two workers whose clocks are wrong by an hour, one ahead, one behind. Web processes need theirs for signatures."""

from __future__ import annotations

import asyncio
import os
import shutil
import sys
import time
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from tests.faults.fewer import fewer
from tests.faults.load import Size, ask
from tests.faults.redis_lost import check_prompts
from tests.faults.scenario import Scenario

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping

    from tests.faults.fleet import Fleet
    from tests.faults.stage import Stage

SITE = Path(__file__).parents[1] / "support" / "site"
"""The folder of our ``sitecustomize``."""
_HOUR = 3600
_TOLERANCE = 60.0


async def by_faketime(hours: int) -> Mapping[str, str]:
    """The environment in which every program is wrong by so much. Raises ``RuntimeError`` without faketime."""
    if shutil.which("faketime") is None:
        raise RuntimeError("faketime is not installed (Debian: apt install faketime)")
    preload = await _says("faketime", "-f", f"{hours:+}h", "printenv", "LD_PRELOAD", environment={})
    # What runs for so long goes wrong, not how long it runs: then the machine's clock was set.
    return {"LD_PRELOAD": preload, "FAKETIME": f"{hours:+}h", "FAKETIME_DONT_FAKE_MONOTONIC": "1"}


async def by_python(hours: int) -> Mapping[str, str]:
    """The same for Python alone: whatever needs no package is played by every ``make test``."""
    return {
        "PYTHONPATH": os.pathsep.join([str(SITE), *sys.path]),
        "PLAUSCH_TEST_CLOCK_SECONDS": str(hours * _HOUR),
    }


async def an_hour_wrong(how: Callable[[int], Awaitable[Mapping[str, str]]], stage: Stage) -> None:
    """Both platforms; the workers take turns in one conversation."""
    telegram, slack = stage.on_telegram(webhook=True), stage.on_slack()
    async with (
        stage.processes(role="web") as web,
        await _wrong(stage, how, 1) as ahead,
        await _wrong(stage, how, -1) as behind,
    ):
        await asyncio.gather(web.ready(), ahead.ready(), behind.ready())
        asking = asyncio.gather(ask(telegram, stage.size), ask(slack, fewer(stage.size)))
        if stage.size.seconds:
            await asyncio.sleep(stage.size.seconds / 2)
            # One is killed amid its work: the other one waits for the end of the lease, by the database's clock.
            ahead.kill(stage.chance)
            behind.kill(stage.chance)
        await asking
        await stage.settled()
    check_prompts([body["inputs"] for body in stage.tgi.requests])


async def _wrong(stage: Stage, how: Callable[[int], Awaitable[Mapping[str, str]]], hours: int) -> Fleet:
    """A worker whose clock is wrong by so many hours, and proof that it is."""
    environment = await how(hours)
    tells = float(await _says(sys.executable, "-c", "import time; print(time.time())", environment=environment))
    off = tells - time.time() - hours * _HOUR
    assert abs(off) < _TOLERANCE, f"the clock is wrong by {hours} h and {off:.0f} s"
    right = dict(stage.more_settings)
    stage.more_settings |= environment
    fleet = stage.processes(role="worker")
    stage.more_settings = right
    return fleet


async def _says(*command: str, environment: Mapping[str, str]) -> str:
    process = await asyncio.create_subprocess_exec(
        *command, env={**os.environ, **environment}, stdout=asyncio.subprocess.PIPE
    )
    output, _ = await process.communicate()
    return output.decode().strip()


SCENARIOS = (
    Scenario(
        "clocks an hour wrong", partial(an_hour_wrong, by_faketime), "postgresql", Size(120, 6, 30), Size(6, 2, 4), 3
    ),
    Scenario(
        "clocks an hour wrong in Python",
        partial(an_hour_wrong, by_python),
        "postgresql",
        Size(40, 2, 5),
        Size(6, 2),
        3,
    ),
)
