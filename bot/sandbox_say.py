"""One question, asked in all three places of the sandbox: what a person sees there, when, and what is stored of it."""

from __future__ import annotations

import asyncio
import contextlib
import json
import time
import uuid
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

import aiohttp
from sqlalchemy import select

from adapters.stores.sql.rows import key_of
from adapters.stores.sql.tables import conversations
from conversation.turns import EndingKind, LoggedTurn, TurnState

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, AsyncIterator, Callable, Sequence

    from bot.sandbox import Sandbox
    from bot.service import Service

LANGUAGE = "de"
PLACEHOLDERS = frozenset({"", "…"})
_LOOK_SECONDS = 0.05
_SETTLE_SECONDS = 5.0
"""What is stored as shown was sent before; the last bytes of a stream may still be on their way."""


@dataclass(slots=True)
class Answer:
    """An answer in one place. Seconds count from the sending of the question; None: not yet."""

    place: str
    platform: str
    texts: tuple[str, ...] = ()
    first_text_after: float | None = None
    last_change_after: float | None = None
    missing: str = ""
    """What is wrong with it, "" where it was answered and stored."""
    model: str = ""
    over: bool = False
    changed: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def text(self) -> str:
        """What is to be read now, a placeholder not counted."""
        return "\n".join(text for text in self.texts if text not in PLACEHOLDERS)


class Place(Protocol):
    """Where a question can be asked."""

    name: str
    platform: str

    def ask(self, text: str) -> AsyncGenerator[tuple[str, ...], None]:
        """Send it; yield the messages of the answer as they read after each change."""


async def ask_everywhere(
    sandbox: Sandbox, text: str, within: float, tell: Callable[[Sequence[Answer]], None]
) -> list[Answer]:
    """Ask in one place after the other, so that each has the model for itself; ``tell`` hears of every change."""
    places: list[Place] = [InSlack(sandbox), InTelegram(sandbox), InWeb(sandbox.service.web.address)]
    answers = [Answer(place.name, place.platform, missing="not asked") for place in places]
    for place, answer in zip(places, answers, strict=True):
        try:
            async with asyncio.timeout(within):
                await _ask(sandbox.service, place, answer, text, lambda: tell(answers))
        except TimeoutError:
            answer.missing = f"no end within {within:g} s"
            await _stop(sandbox.service, place.platform)
        except aiohttp.ClientError as trouble:
            answer.missing = f"the page can't be reached ({type(trouble).__name__})"
        answer.over = True
        tell(answers)
    return answers


async def _ask(service: Service, place: Place, answer: Answer, text: str, tell: Callable[[], None]) -> None:
    before = await newest_turn(service, place.platform)
    watching = asyncio.create_task(_watch(place, answer, text, tell))
    try:
        while (turn := await newest_turn(service, place.platform)) is None or not _is_over(turn, before):
            await asyncio.wait({watching}, timeout=_LOOK_SECONDS)
            if watching.done():
                watching.result()
        answer.missing = await what_is_wrong(service, answer, turn)
    finally:
        watching.cancel()
        await asyncio.gather(watching, return_exceptions=True)


async def _stop(service: Service, platform: str) -> None:
    """Give the model back: the next place is to have it for itself."""
    if turn := await newest_turn(service, platform):
        await service.signals.stop([turn.turn_id])


_UNDER_WAY = frozenset({TurnState.OPEN, TurnState.DECIDED})


def _is_over(turn: LoggedTurn, before: LoggedTurn | None) -> bool:
    """Whether it is a turn after the one before, and has ended: a chat may have a past."""
    return turn.state not in _UNDER_WAY and (before is None or turn.turn_id != before.turn_id)


async def _watch(place: Place, answer: Answer, text: str, tell: Callable[[], None]) -> None:
    began = time.monotonic()
    async with contextlib.aclosing(place.ask(text)) as changes:
        async for texts in changes:
            if texts == answer.texts:
                continue
            answer.texts = texts
            answer.changed.set()
            answer.last_change_after = time.monotonic() - began
            if answer.first_text_after is None and answer.text:
                answer.first_text_after = answer.last_change_after
            tell()
    await asyncio.Event().wait()


async def what_is_wrong(service: Service, answer: Answer, turn: LoggedTurn) -> str:
    """Compare what is stored with what was seen; "" where all is well."""
    if turn.state != TurnState.SHOWN or turn.ending is None:
        return f"stored as {turn.state}, not as shown"
    if turn.ending.kind is not EndingKind.ANSWER:
        return f"ended as {turn.ending.kind}: {turn.ending.shown}"
    # Its words may differ: what is bold on one platform has other marks on the next.
    if len(turn.questions) != 1 or not turn.questions[0].text.strip():
        return "the question is not stored"
    answer.model = turn.ending.record.model
    platform = next(c.platform for c in service.connections if c.platform.name == answer.platform)
    stored = tuple(str(getattr(part, "text", part)) for part in platform.parts(turn.ending.shown))
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(_SETTLE_SECONDS):
            while answer.texts != stored:
                answer.changed.clear()
                await answer.changed.wait()
    return "" if answer.texts == stored else "what is stored is not what was seen"


async def newest_turn(service: Service, platform: str) -> LoggedTurn | None:
    """The newest turn of a platform, whichever of its conversations it is in: ids are of their time."""
    async with service.database.reading() as connection:
        rows = await connection.execute(select(conversations).filter_by(platform=platform))
        keys = [key_of(row) for row in rows]
    logs = [await service.store.log(key) for key in keys]
    return max((turn for log in logs for turn in log), key=lambda turn: turn.turn_id, default=None)


class InSlack:
    """A mention in the channel; the answer comes in its thread."""

    name, platform = "Slack (stand-in)", "slack"

    def __init__(self, sandbox: Sandbox) -> None:
        self._slack, self._pane = sandbox.slack, sandbox.panes.slack

    async def ask(self, text: str) -> AsyncGenerator[tuple[str, ...], None]:
        """See ``Place.ask``."""
        changes = self._slack.changes()
        asked = await self._slack.say(self._pane.channel, text, self._pane.people[LANGUAGE], mention=True)
        async for _ in changes:
            thread = self._slack.thread(self._pane.channel, asked)
            yield tuple(line.text for line in thread if line.by_app and not line.deleted)


class InTelegram:
    """A message in a private chat."""

    name, platform = "Telegram (stand-in)", "telegram"

    def __init__(self, sandbox: Sandbox) -> None:
        self._telegram, self._pane = sandbox.telegram, sandbox.panes.telegram

    async def ask(self, text: str) -> AsyncGenerator[tuple[str, ...], None]:
        """See ``Place.ask``."""
        changes = self._telegram.changes()
        self._telegram.say(self._pane.people[LANGUAGE], text)
        async for _ in changes:
            transcript = self._telegram.transcript(self._pane.people[LANGUAGE])
            yield tuple(message.text for message in transcript if message.from_bot)


class InWeb:
    """A browser on the web chat, by HTTP."""

    name, platform = "Web chat", "web"

    def __init__(self, address: str) -> None:
        self._address = address

    async def ask(self, text: str) -> AsyncGenerator[tuple[str, ...], None]:
        """See ``Place.ask``. Raises ``aiohttp.ClientError``."""
        jar = aiohttp.CookieJar(unsafe=True)  # cookies of an address that is a number
        async with aiohttp.ClientSession(
            self._address, cookie_jar=jar, headers={"Accept-Language": LANGUAGE}, raise_for_status=True
        ) as http:
            async with http.get("/"):
                pass  # opens the session
            async with http.get("/api/v1/events", timeout=aiohttp.ClientTimeout()) as stream:
                await stream.content.readuntil(b"event: ready")
                async with http.post("/api/v1/messages", json={"id": str(uuid.uuid4()), "text": text}):
                    pass  # taken
                shown = ""
                async for frame in _frames(stream):
                    shown = shown[: frame["offset"]] + frame["text"]
                    yield (shown,)


async def _frames(stream: aiohttp.ClientResponse) -> AsyncIterator[dict[str, Any]]:
    async for line in stream.content:
        if line.startswith(b"data:") and "turn" in (frame := json.loads(line[5:])):
            yield frame
