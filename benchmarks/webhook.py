"""Signed Slack events that are accepted and committed a second, beside the least that can do so (``bare_webhook``).

Ours is the whole ``plausch run`` on SQLite: each event, a message of its own in a direct chat, is verified, parsed,
normalised and stored with its turn before it is answered. It answers no turn meanwhile: the model server keeps the
first ones waiting, so that what is measured is the way in. Both serve 64 connections that stay open, in turn.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import statistics
import sys
import tempfile
from typing import TYPE_CHECKING

from adapters.standins.slack import StandInSlack
from benchmarks.desk import model_server
from benchmarks.measured import ratio
from benchmarks.pairs import interleaved
from benchmarks.processes import ended, service
from benchmarks.slack_events import Crowd, Events, until_taken
from tests.support.slack import furnish

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from benchmarks.measured import Progress, Result

CONNECTIONS = 64
UNDER_WAY = 8
"""Answers at once: so many turns wait for the model, all others in the inbox."""


async def measure(quick: bool, progress: Progress) -> list[Result]:
    """``webhook_ratio``."""
    progress(0, "starting")
    async with StandInSlack(rates={}) as slack, model_server(UNDER_WAY) as model:
        model.pace.pause()
        room = furnish(slack)
        settings = {
            "slack_bot_token": slack.bot_token,
            "slack_signing_secret": slack.signing_secret,
            "slack_api_url": slack.api_url,
            "model_server": "tgi",
            "model_url": model.url,
            "answers_at_once": str(UNDER_WAY),
            "log_level": "warning",
        } | {f"open_turns{which}": "1000000" for which in ("", "_conversation", "_workspace")}
        events = Events(slack.signing_secret, room.direct, room.person)
        async with service(settings) as ours, bare(slack.signing_secret) as ceiling:
            await ours.ready()
            await until_taken(ours.address, events)
            async with (
                Crowd(ours.address, events, CONNECTIONS) as to_ours,
                Crowd(ceiling, events, CONNECTIONS) as to_ceiling,
            ):
                pairs, seconds = (3, 1.0) if quick else (7, 2.0)
                rates = await interleaved(to_ours.send, to_ceiling.send, progress, pairs=pairs, seconds=seconds)
    raw = {
        "events_per_s": statistics.median(rates.ours),
        "bare_events_per_s": statistics.median(rates.ceiling),
    }
    return [ratio("webhook_ratio", rates.ours, rates.ceiling, **raw)]


@contextlib.asynccontextmanager
async def bare(secret: str) -> AsyncIterator[str]:
    """The bare ASGI process; yields its address."""
    with tempfile.TemporaryDirectory(prefix="plausch-bench-") as folder:
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "benchmarks.bare_webhook", f"{folder}/bare.sqlite3", secret),
            env=os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)},
            stdout=asyncio.subprocess.PIPE,
        )
        try:
            assert process.stdout is not None
            yield f"http://127.0.0.1:{(await process.stdout.readline()).decode().strip()}"
        finally:
            await ended(process)
