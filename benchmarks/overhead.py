"""What the service adds to an answer while it is idle: event in → request at the model server, last token → stored.

The whole ``plausch run`` on SQLite takes signed Slack events over HTTP, one message after the other, each when the turn
before is over. This process sends the events, is the model server and looks at the database, so all times are of one
clock. In: from the write of the event until the model server has the whole request. Out: from the write of the
stream's last chunk, which carries the end token, until another connection to the database sees the answer's row; it
looks every 0.2 ms, which the figure includes. Others see it one sync of the log (2 to 3 ms on this kind of disk) before
a power cut could no longer undo it. The value is the sum of both for one message.
"""

from __future__ import annotations

import asyncio
import contextlib
import sqlite3
import statistics
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

from adapters.standins.slack import StandInSlack
from benchmarks.measured import measured, percentile
from benchmarks.processes import service
from benchmarks.slack_events import Events, Line, until_taken
from benchmarks.token_server import recorded, token_server
from tests.support.slack import furnish

if TYPE_CHECKING:
    from collections.abc import Sequence

    from benchmarks.measured import Progress, Result
    from benchmarks.token_server import Streamed

TOKENS = 8
TOKENS_PER_SECOND = 100
LOOK_SECONDS = 0.0002
WARM_UP = 10


async def measure(quick: bool, progress: Progress) -> list[Result]:
    """``overhead_ms_p50`` and ``overhead_ms_p99``."""
    progress(0, "starting")
    messages = 40 if quick else 200
    answer = await recorded("tgi", TOKENS)
    with tempfile.TemporaryDirectory(prefix="plausch-bench-") as folder:
        async with StandInSlack(rates={}) as slack, token_server(answer, TOKENS_PER_SECOND) as (model_url, streamed):
            settings = {
                "slack_bot_token": slack.bot_token,
                "slack_signing_secret": slack.signing_secret,
                "slack_api_url": slack.api_url,
                "model_server": "tgi",
                "model_url": model_url,
            }
            async with service(settings, folder=Path(folder)) as ours:
                await ours.ready()
                room = furnish(slack)
                events = Events(slack.signing_secret, room.direct, room.person)
                await until_taken(ours.address, events)
                line = await Line.open(int(ours.address.rpartition(":")[2]))
                with contextlib.closing(line), contextlib.closing(Log(Path(folder) / "plausch.sqlite3")) as log:
                    ways = [await _way(line, events, streamed, log) for _ in range(WARM_UP)]
                    ways.clear()
                    for number in range(messages):
                        progress(number / messages)
                        ways.append(await _way(line, events, streamed, log))
    return _results(ways)


async def _way(line: Line, events: Events, streamed: Streamed, log: Log) -> tuple[float, float]:
    """One message: seconds in, seconds out."""
    request, before = events.request(), log.answers()
    streamed.over.clear()
    sent = time.perf_counter()
    await line.send(request)
    await streamed.over.wait()
    stored = await asyncio.to_thread(log.answered_after, before)
    while log.waiting():  # noqa: ASYNC110 - a database of another process has no events for us
        await asyncio.sleep(0.005)
    return streamed.asked_at - sent, stored - streamed.over_at


def _results(ways: Sequence[tuple[float, float]]) -> list[Result]:
    sums = [(inward + outward) * 1000 for inward, outward in ways]
    raw = {
        "in_ms_p50": statistics.median(inward for inward, _ in ways) * 1000,
        "out_ms_p50": statistics.median(outward for _, outward in ways) * 1000,
    }
    worst = {
        "in_ms_p99": percentile([inward * 1000 for inward, _ in ways], 99),
        "out_ms_p99": percentile([outward * 1000 for _, outward in ways], 99),
    }
    return [
        measured("overhead_ms_p50", statistics.median(sums), raw, sums),
        measured("overhead_ms_p99", percentile(sums, 99), worst),
    ]


class Log:
    """What is committed, seen by a connection of our own."""

    def __init__(self, file: Path) -> None:
        self._connection = sqlite3.connect(
            f"file:{file}?mode=ro", uri=True, isolation_level=None, check_same_thread=False
        )

    def answers(self) -> int:
        """How many answers are stored, as long as none is deleted."""
        return int(self._connection.execute("SELECT coalesce(max(rowid), 0) FROM answers").fetchone()[0])

    def answered_after(self, before: int) -> float:
        """The time when there were more answers than ``before``. Blocks; it sleeps between its looks, since a task that
        turns in the loop would keep the processor from the service it waits for.
        """
        while self.answers() == before:
            time.sleep(LOOK_SECONDS)
        return time.perf_counter()

    def waiting(self) -> bool:
        """Whether a turn is not over yet."""
        query = "SELECT EXISTS (SELECT 1 FROM conversations WHERE waiting_since IS NOT NULL)"
        return bool(self._connection.execute(query).fetchone()[0])

    def close(self) -> None:
        """Close the connection."""
        self._connection.close()
