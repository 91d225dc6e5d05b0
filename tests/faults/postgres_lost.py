"""PostgreSQL ends and comes back under load, or swallows everything for half a minute."""

from __future__ import annotations

import asyncio
from itertools import cycle
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote

from tests.faults.fewer import fewer
from tests.faults.load import Size, ask
from tests.faults.own_postgres import own_postgres
from tests.faults.scenario import Scenario
from tests.support.fault_proxy import FaultProxy

if TYPE_CHECKING:
    from tests.faults.crowds import SlackCrowd, TelegramCrowd
    from tests.faults.own_postgres import OwnPostgres
    from tests.faults.stage import Stage

_SOCKET = ".s.PGSQL.5432"
_DOWN_SECONDS, _UP_SECONDS = 3.0, 5.0
_HOLE_SECONDS = 30.0
# A webhook of Telegram's is answered within 10 s, however little comes through.
_SMALLEST_HOLE = 15.0
# Slack waits so long for an acknowledgement: what was committed just before the hole may be acknowledged in it.
_STILL_ANSWERED = 3.0
_UNAVAILABLE = 503


async def restarted(stage: Stage) -> None:
    """Two processes; PostgreSQL is stopped again and again, in good order and as by a crash."""
    crowd = stage.on_telegram(webhook=True)
    async with own_postgres(stage) as server, stage.processes(2) as fleet:
        await fleet.ready()
        await asyncio.gather(ask(crowd, stage.size), _restarts(server, stage.size.seconds))
        await stage.settled()


async def _restarts(server: OwnPostgres, seconds: float) -> None:
    clock = asyncio.get_running_loop().time
    end = clock() + seconds
    for mode in cycle(("fast", "immediate")):
        await asyncio.sleep(min(_UP_SECONDS, seconds / 4))
        await server.stop(mode)
        await asyncio.sleep(min(_DOWN_SECONDS, seconds / 4))
        await server.start()
        if clock() >= end:
            return


async def swallowed(stage: Stage) -> None:
    """For 30 s nothing comes through to PostgreSQL, and connections stay: webhooks answer 503, and nothing else."""
    telegram, slack = stage.on_telegram(webhook=True), stage.on_slack()
    server = Path(str(stage.database.url.query["host"])) / _SOCKET
    folder = stage.folder / "hole"
    folder.mkdir()
    stage.more_settings["database_url"] = stage.database_url.replace(
        quote(str(server.parent), safe=""), quote(str(folder), safe="")
    )
    async with (
        FaultProxy(server, listen=folder / _SOCKET) as network,
        stage.processes(role="web") as web,
        stage.processes(2, role="worker") as workers,
    ):
        await asyncio.gather(web.ready(), workers.ready())
        hole = _hole(network, telegram, slack, stage.size.seconds)
        await asyncio.gather(ask(telegram, stage.size), ask(slack, fewer(stage.size)), hole)
        await stage.settled()


async def _hole(network: FaultProxy, telegram: TelegramCrowd, slack: SlackCrowd, seconds: float) -> None:
    await asyncio.sleep(seconds / 4)
    network.black_hole()
    await asyncio.sleep(_STILL_ANSWERED)
    so_far = len(telegram.telegram.deliveries), len(slack.slack.deliveries)
    await asyncio.sleep(min(_HOLE_SECONDS, max(_SMALLEST_HOLE, seconds)) - _STILL_ANSWERED)
    by_telegram = {delivery.status for delivery in telegram.telegram.deliveries[so_far[0] :]}
    by_slack = {delivery.outcome.status for delivery in slack.slack.deliveries[so_far[1] :]}
    await network.heal()
    assert by_telegram == {_UNAVAILABLE}, f"while PostgreSQL was gone, Telegram heard {by_telegram}"
    assert by_slack <= {_UNAVAILABLE}, f"while PostgreSQL was gone, Slack heard {by_slack}"


SCENARIOS = (
    Scenario("PostgreSQL restarted", restarted, "postgresql", Size(120, 8, 50), Size(6, 2, 6), 2),
    Scenario("PostgreSQL swallows everything", swallowed, "postgresql", Size(120, 6, 50), Size(6, 2, 8), 3),
)
