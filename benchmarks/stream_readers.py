"""The measured side of streams, a process of its own: ``python -m benchmarks.stream_readers ours|bare tgi|openai …``.

Prints one JSON object: processor time, what was read, and how the loop kept up.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import sys
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import aiohttp

from adapters.stores.sql.upgrade import upgrade
from benchmarks.measured import percentile
from bot import logs
from bot.models import served
from bot.parts import Parts
from bot.settings import Settings
from bot.worker import Limits, Worker
from conversation.messages import Author, ConversationKey, Message
from conversation.places import Capabilities
from tests.support.databases import Rows

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence

    from conversation.places import Place

PLATFORM = "nowhere"
_LAG_SECONDS = 0.02
_LOOK_SECONDS = 0.02
_PATHS = {"tgi": "/generate_stream", "openai": "/v1/completions"}


class Swallowing:
    """A platform that shows everything to nobody, as fast as it comes."""

    name = PLATFORM
    capabilities = Capabilities(durable_sends=False)

    def __init__(self, answers: int) -> None:
        self._missing = answers
        self.all_ended = asyncio.Event()
        """As many answers have been shown to their end."""

    def parts(self, markdown: str) -> Sequence[object]:
        """One part."""
        return [markdown]

    async def pace(self, place: Place, *, last: bool) -> None:
        """Never wait."""

    async def begin(self, place: Place, send_id: str) -> str:
        """The turn's id."""
        return place.turn_id or send_id

    async def edit(self, place: Place, message_id: str, part: object, *, last: bool) -> None:  # noqa: ARG002 - the port's
        """Gone; the last ones are counted."""
        self._missing -= last
        if not self._missing:
            self.all_ended.set()

    async def find(self, place: Place, send_id: str) -> str | None:
        """Nothing."""

    async def remove(self, place: Place, message_id: str) -> None:
        """Nothing."""

    async def typing(self, place: Place) -> None:
        """Nobody sees it."""

    async def person(self, workspace: str, person: str) -> Author | None:
        """Nobody."""


async def ours(kind: str, url: str, answers: int) -> dict[str, Any]:
    """Worker, dialogue and delivery, from questions that are stored to answers that are."""
    with tempfile.TemporaryDirectory(prefix="plausch-bench-") as folder:
        settings = Settings.model_validate(
            {
                "database_url": f"sqlite:///{Path(folder) / 'plausch.sqlite3'}",
                "model_server": kind,
                "model_url": url,
                "answers_at_once": answers,
                "open_turns_workspace": 10_000,
            }
        )
        parts = Parts(settings)
        async with parts.closing():
            await upgrade(parts.database)
            await asyncio.gather(*(parts.inbox.put(_question(number)) for number in range(answers)))
            model = served(settings)
            platform = Swallowing(answers)
            answerer = await parts.answerer(model, {PLATFORM: platform}, 15.0)
            worker = Worker("benchmark", parts.inbox, parts.signals, answerer, Limits(at_once=answers))
            rows = Rows(parts.database)
            async with _watched() as lags:
                before = time.process_time()
                running = asyncio.create_task(worker.run())
                # Looking into the database all the time would count as ours.
                await platform.all_ended.wait()
                unseen = "SELECT count(*) FROM turns WHERE state != 'shown'"
                while (await rows.select(unseen))[0][0]:  # noqa: ASYNC110 - a database has no events for us
                    await asyncio.sleep(_LOOK_SECONDS)
                seconds = time.process_time() - before
            running.cancel()
            await asyncio.gather(running, return_exceptions=True)
            await model.server.aclose()
            ends = await rows.select("SELECT text, last_token_at FROM answers")
    read = [datetime.fromisoformat(str(at)).replace(tzinfo=UTC).timestamp() for _, at in ends]
    return {
        "cpu_seconds": seconds,
        "characters": sum(len(text) for text, _ in ends),
        "ended": sorted(read),
        "lag_p99": _lag_p99(lags),
    }


async def bare(kind: str, url: str, answers: int) -> dict[str, Any]:
    """The least that Python and aiohttp can do: read what came, cut it into lines, parse each event, keep its text."""
    connector = aiohttp.TCPConnector(limit=0)
    forever = aiohttp.ClientTimeout(total=None)
    async with aiohttp.ClientSession(connector=connector, timeout=forever) as http, _watched() as lags:
        before = time.process_time()
        texts = await asyncio.gather(*(_read(http, kind, url, number) for number in range(answers)))
        seconds = time.process_time() - before
    characters = sum(len(text) for text in texts)
    return {"cpu_seconds": seconds, "characters": characters, "ended": [], "lag_p99": _lag_p99(lags)}


async def _read(http: aiohttp.ClientSession, kind: str, url: str, number: int) -> str:
    body = {"inputs": f"Frage {number}", "prompt": f"Frage {number}", "stream": True}
    words, rest = [], b""
    async with http.post(url + _PATHS[kind], json=body) as response:
        while chunk := await response.content.readany():
            *lines, rest = (rest + chunk).split(b"\n")
            for line in lines:
                if not line.startswith(b"data:") or line == b"data: [DONE]":
                    continue
                event = json.loads(line[5:])
                if kind == "tgi":
                    if not event["token"]["special"]:
                        words.append(event["token"]["text"])
                elif event["choices"]:
                    words.append(event["choices"][0]["text"])
    return "".join(words)


@contextlib.asynccontextmanager
async def _watched() -> AsyncIterator[list[float]]:
    """How late, in seconds, the loop comes back to a sleeper."""
    lags: list[float] = []

    async def look() -> None:
        loop = asyncio.get_running_loop()
        while True:
            due = loop.time() + _LAG_SECONDS
            await asyncio.sleep(_LAG_SECONDS)
            lags.append(loop.time() - due)

    looking = asyncio.create_task(look())
    try:
        yield lags
    finally:
        looking.cancel()
        await asyncio.gather(looking, return_exceptions=True)


def _lag_p99(lags: Sequence[float]) -> float:
    """Without the first quarter: there all answers begin in one instant, which no crowd of people does."""
    return percentile(lags[len(lags) // 4 :], 99)


def _question(number: int) -> Message:
    return Message(
        conversation=ConversationKey(PLATFORM, "w", f"c{number}"),
        identity=f"m{number}",
        author=Author(f"p{number}", f"Person {number}", "de"),
        text="Erklär mir bitte, wie ein Wärmetauscher funktioniert.",
        sent_at=datetime.now(UTC),
        direct=True,
        native_id=str(number),
    )


def main() -> None:
    """Read, and print what it took."""
    logs.configure("warning")
    who, kind, url, answers = sys.argv[1:]
    work = {"ours": ours, "bare": bare}[who](kind, url, int(answers))
    try:
        import uvloop  # noqa: PLC0415 - not to be had on every platform
    except ImportError:
        result = asyncio.run(work)
    else:
        result = uvloop.run(work)
    sys.stdout.write(json.dumps(result))


if __name__ == "__main__":
    main()
