"""What the service adds before a person sees the first words: one Telegram chat, a message every four seconds.

From the message at the stand-in Telegram to the first edit that carries text, less what the model server took from the
request to its first token.
"""

from __future__ import annotations

import asyncio
import statistics
import time
from typing import TYPE_CHECKING

from adapters.standins.telegram.chats import Person
from adapters.standins.telegram.server import StandInTelegram
from benchmarks.answers import BOUND_SECONDS, QUESTION, WHOLE
from benchmarks.desk import FIRST_TOKEN_SECONDS, PacedFromTheFirst, model_server
from benchmarks.measured import measured
from benchmarks.processes import service

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from adapters.standins.telegram.changes import Change
    from benchmarks.measured import Progress, Result

EVERY_SECONDS = 4.0
MESSAGES = 12
QUICK_MESSAGES = 3
PLACEHOLDER = "…"


class Timed(PacedFromTheFirst):
    """Notes how long the model really took before its first token; there is one answer at a time."""

    def __init__(self) -> None:
        super().__init__()
        self.first_token_seconds = 0.0

    async def first(self) -> None:
        """Return when the first token may go out."""
        began = time.perf_counter()
        await super().first()
        self.first_token_seconds = time.perf_counter() - began


async def measure(quick: bool, progress: Progress) -> list[Result]:
    """``first_text_ms_p50``."""
    messages = QUICK_MESSAGES if quick else MESSAGES
    progress(0, "starting")
    # With the flood budget on: it is what a real chat has.
    async with StandInTelegram() as telegram, model_server(1) as model:
        model.pace = timed = Timed()
        settings = {
            "telegram_token": telegram.token,
            "telegram_api_url": telegram.api_url,
            "model_server": "tgi",
            "model_url": model.url,
        }
        async with service(settings) as ours:
            await ours.ready()
            person = Person(20_000, "Person", language_code="de")
            telegram.private(person)
            added = []
            for number in range(messages + 1):
                progress(number / (messages + 1))
                next_one = asyncio.create_task(asyncio.sleep(EVERY_SECONDS))
                seconds = await _first_text(telegram, person)
                added.append((seconds - timed.first_token_seconds) * 1000)
                await next_one
    # The first message opens the chat, the statements and the connections.
    counted = added[1:]
    raw = {"first_message_ms": added[0], "worst_ms": max(counted), "model_ms": FIRST_TOKEN_SECONDS * 1000}
    return [measured("first_text_ms_p50", statistics.median(counted), raw, counted)]


async def _first_text(telegram: StandInTelegram, person: Person) -> float:
    """Seconds from the message to the first text; returns when the whole answer stands."""
    changes = aiter(telegram.changes())
    began = time.perf_counter()
    telegram.say(person, QUESTION, entities=[])
    async with asyncio.timeout(BOUND_SECONDS):
        first = await _next_with(changes, "")
        seconds = time.perf_counter() - began
        if WHOLE not in first:
            await _next_with(changes, WHOLE)
    return seconds


async def _next_with(changes: AsyncIterator[Change], words: str) -> str:
    """The next text of ours that is more than the placeholder and holds these words."""
    async for change in changes:
        message = change.message
        if message is not None and message.from_bot and message.text != PLACEHOLDER and words in message.text:
            return message.text
    raise RuntimeError("the stand-in ended")
