"""kill −9: at each named step of a message's way, at random times, and with everything in flight."""

from __future__ import annotations

import asyncio
from functools import partial
from typing import TYPE_CHECKING

from bot import failpoints
from tests.faults.load import Size, ask
from tests.faults.scenario import Scenario

if TYPE_CHECKING:
    from tests.faults.crowds import Crowd
    from tests.faults.stage import Stage

STEPS = tuple(step for name, step in vars(failpoints).items() if name.isupper())

_DEATHS = 2


async def on_telegram_at(step: str, stage: Stage) -> None:
    """The first life of the process ends at this step, and the second too if it comes there."""
    await _killed_at(step, stage, stage.on_telegram())


async def on_slack_at(step: str, stage: Stage) -> None:
    """The same on Slack; half of the steps by Socket Mode, half over HTTP."""
    await _killed_at(step, stage, stage.on_slack(socket=STEPS.index(step) % 2 == 0))


async def _killed_at(step: str, stage: Stage, crowd: Crowd) -> None:
    async with stage.processes(deaths=[step] * _DEATHS) as fleet:
        await fleet.ready()
        await stage.ask_all(crowd)
        # The second life may find that nothing is left to do at this step.
        assert fleet.killed >= 1, "the step was never reached"


async def at_random_times(stage: Stage) -> None:
    """Telegram, polling: the one process is killed again and again while people ask, and started again at once."""
    await _killed_at_random(stage, stage.on_telegram())


async def on_slack_at_random_times(stage: Stage) -> None:
    """The same by Socket Mode."""
    await _killed_at_random(stage, stage.on_slack(socket=True))


async def _killed_at_random(stage: Stage, crowd: Crowd) -> None:
    async with stage.processes() as fleet:
        await fleet.ready()
        killing = fleet.kill_now_and_then(stage.chance, (0.2, 3.0), stage.size.seconds)
        await asyncio.gather(ask(crowd, stage.size), killing)
        await stage.settled()


async def in_flight(stage: Stage) -> None:
    """Everybody is being answered, and sees so, when the process is killed once."""
    crowd = stage.on_telegram()
    stage.tgi.pace.pause()
    async with stage.processes() as fleet:
        await fleet.ready()
        await ask(crowd, stage.size)
        for _ in range(min(50, stage.size.people)):
            await stage.tgi.arrivals.get()
        fleet.kill(stage.chance)
        stage.tgi.pace.resume()
        await stage.settled()


SCENARIOS = (
    *(
        Scenario(f"killed at {step}, Telegram", partial(on_telegram_at, step), database, Size(40, 2), Size(4))
        for step, database in zip(STEPS, ("sqlite", "postgresql") * len(STEPS), strict=False)
    ),
    *(
        Scenario(f"killed at {step}, Slack", partial(on_slack_at, step), database, Size(16), Size(4))
        for step, database in zip(STEPS, ("postgresql", "sqlite") * len(STEPS), strict=False)
    ),
    Scenario("killed at random times, SQLite", at_random_times, "sqlite", Size(250, 8, 60), Size(10, 2, 4)),
    Scenario("killed at random times, PostgreSQL", at_random_times, "postgresql", Size(250, 8, 60), Size(10, 2, 4)),
    Scenario("killed at random times, Slack", on_slack_at_random_times, "sqlite", Size(15, 4, 60), Size(6, 1, 4)),
    Scenario("50 in flight, SQLite", in_flight, "sqlite", Size(50), Size(10)),
    Scenario("50 in flight, PostgreSQL", in_flight, "postgresql", Size(50), Size(10)),
)
