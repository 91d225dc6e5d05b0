"""SQLite's disk is full for a while."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from functools import partial
from typing import TYPE_CHECKING

import aiohttp

from tests.faults.fewer import fewer
from tests.faults.load import Size, ask
from tests.faults.scenario import Scenario
from tests.faults.wrong_clocks import SITE

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from tests.faults.crowds import Crowd
    from tests.faults.stage import Stage
    from tests.support.processes import ServiceProcess

SAYS = "the disk is full"
_FULL_SECONDS = 20.0
# The file's free pages are used up first, then the service looks again every few seconds.
_SAID_WITHIN = 15.0


async def by_polling(stage: Stage) -> None:
    """Telegram keeps what was not taken."""
    await _full(stage, stage.on_telegram())


async def by_webhook(stage: Stage) -> None:
    """Telegram and Slack hear 503, and bring it again."""
    slack = stage.on_slack()
    await _full(stage, stage.on_telegram(webhook=True), partial(ask, slack, fewer(stage.size)))
    assert any(delivery.status == 503 for delivery in stage.telegram.deliveries), "nothing was refused"


async def _full(stage: Stage, crowd: Crowd, *others: Callable[[], Awaitable[None]]) -> None:
    stage.more_settings |= {"PYTHONPATH": os.pathsep.join([str(SITE), *sys.path]), "PLAUSCH_TEST_DISK": "1"}
    async with stage.processes() as fleet:
        await fleet.ready()
        (process,) = fleet.processes
        await asyncio.gather(
            ask(crowd, stage.size), _fill_and_make_room(process, stage.size.seconds), *(other() for other in others)
        )
        await stage.settled()
        await process.ready()
    assert SAYS in process.log.read_text(), "the log does not say why nothing was taken"


async def _fill_and_make_room(process: ServiceProcess, seconds: float) -> None:
    await asyncio.sleep(seconds / 4)
    process.process.send_signal(signal.SIGUSR1)
    try:
        async with asyncio.timeout(_SAID_WITHIN):
            await _said(process)
        await asyncio.sleep(min(_FULL_SECONDS, seconds / 2))
    finally:
        process.process.send_signal(signal.SIGUSR2)


async def _said(process: ServiceProcess) -> None:
    """Wait until ``/readyz`` tells it."""
    async with aiohttp.ClientSession() as http:
        while True:
            async with http.get(f"{process.address}/readyz") as response:
                if SAYS in await response.text():
                    return
            await asyncio.sleep(0.1)


SCENARIOS = (
    Scenario("disk full, polling", by_polling, "sqlite", Size(120, 6, 40), Size(14, 2, 2)),
    Scenario("disk full, webhooks", by_webhook, "sqlite", Size(120, 6, 40), Size(14, 2, 4)),
)
