"""Many processes on one PostgreSQL: killed, stalled, and told everything five times."""

from __future__ import annotations

import asyncio
import signal
from typing import TYPE_CHECKING

from tests.faults.load import Size, ask
from tests.faults.scenario import Scenario
from tests.faults.storm import COPIES, Storm

if TYPE_CHECKING:
    from tests.faults.crowds import Crowd
    from tests.faults.fleet import Fleet
    from tests.faults.stage import Stage

# Longer than a lease (15 s), so that another worker has the stalled one's conversations when it comes to.
_STALL_SECONDS = 20.0


async def workers_killed(stage: Stage) -> None:
    """Three workers and a web process; the workers are killed at random and started again, the others go on."""
    crowd = stage.on_telegram(webhook=True)
    async with stage.processes(role="web") as web, stage.processes(3, role="worker") as workers:
        await asyncio.gather(web.ready(), workers.ready())
        killing = workers.kill_now_and_then(stage.chance, (0.2, 5.0), stage.size.seconds)
        await asyncio.gather(ask(crowd, stage.size), killing)
        await stage.settled()


async def stalled(stage: Stage) -> None:
    """The busier of two workers stands still for longer than its lease and then goes on: first with whole answers of
    the model waiting for it, which it has to decide on; the second time in the midst of writing.
    """
    crowd = stage.on_telegram(webhook=True)
    stage.tgi.pace.seconds = 0.05
    stage.tgi.pace.pause()
    async with stage.processes(role="web") as web, stage.processes(2, role="worker") as workers:
        await asyncio.gather(web.ready(), workers.ready())
        asking = asyncio.create_task(ask(crowd, stage.size))
        for _ in range(stage.size.people):
            await stage.tgi.arrivals.get()
        await _stall(stage, workers)
        if stage.size.seconds:
            await _stall(stage, workers)
        await asking
        await stage.settled()


async def _stall(stage: Stage, workers: Fleet) -> None:
    worker = workers.with_pid(await stage.busiest()).process
    worker.send_signal(signal.SIGSTOP)
    stage.tgi.pace.resume()
    await asyncio.sleep(_STALL_SECONDS)
    await stage.note_endings()
    worker.send_signal(signal.SIGCONT)


async def storm_on_telegram(stage: Stage) -> None:
    """Each update comes five times, late and out of order, to three processes."""
    await _storm(stage, stage.on_telegram(webhook=True))


async def storm_on_slack(stage: Stage) -> None:
    """The same with Slack's events."""
    await _storm(stage, stage.on_slack())


async def _storm(stage: Stage, crowd: Crowd) -> None:
    async with Storm(stage.door.upstreams, stage.chance, spread_seconds=1.0) as storm:
        stage.entrance = storm.url
        async with stage.processes(3) as fleet:
            await fleet.ready()
            await ask(crowd, stage.size)
            await storm.over()
            await stage.settled()
        assert storm.copies >= COPIES * stage.size.messages


async def quick_messages(stage: Stage) -> None:
    """Everybody sends five messages without waiting; three processes share the work."""
    crowd = stage.on_telegram(webhook=True)
    async with stage.processes(3) as fleet:
        await fleet.ready()
        await stage.ask_all(crowd)


async def quick_messages_to_one(stage: Stage) -> None:
    """The same to the one process that SQLite has, by polling."""
    crowd = stage.on_telegram()
    async with stage.processes() as fleet:
        await fleet.ready()
        await stage.ask_all(crowd)


SCENARIOS = (
    Scenario("3 workers killed at random", workers_killed, "postgresql", Size(300, 12, 120), Size(20, 3, 10), 4),
    Scenario("a stalled worker", stalled, "postgresql", Size(100, 4, 50), Size(10), 3),
    Scenario("each event 5 times, Telegram", storm_on_telegram, "postgresql", Size(200, 4), Size(10, 2), 3),
    Scenario("each event 5 times, Slack", storm_on_slack, "postgresql", Size(60, 2), Size(6), 3),
    Scenario("5 quick messages in each chat, SQLite", quick_messages_to_one, "sqlite", Size(200, 5), Size(5, 5)),
    Scenario("5 quick messages in each chat, PostgreSQL", quick_messages, "postgresql", Size(200, 5), Size(5, 5), 3),
)
