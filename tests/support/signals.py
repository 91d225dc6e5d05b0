"""Processes that signal to each other, and what a page sees of it."""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING, Any

from adapters.stores.redis.signals import RedisSignals
from conversation.messages import ConversationKey
from conversation.turns import Frame

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable

    from tests.support.valkey import Valkey

BOUND_SECONDS = 20.0
OTHER_ROOM = ConversationKey("web", "web", "", "session-2")


@contextlib.asynccontextmanager
async def process(valkey: Valkey, patience_seconds: float = 10) -> AsyncIterator[RedisSignals]:
    """What one process has, with connections of its own; it listens from the beginning on."""
    async with valkey.client() as client:
        signals = RedisSignals(client, patience_seconds)
        try:
            async with signals.watch(OTHER_ROOM):
                pass
            yield signals
        finally:
            await signals.aclose()


def frame(number: int, offset: int, text: str, turn: str = "t1", **more: Any) -> Frame:
    return Frame(turn, number, offset, text, **more)


async def seen(frames: AsyncIterator[Frame], until: str) -> list[str]:
    """What stood on the page, frame by frame, until this text stands there."""
    texts, text = [], ""
    async for one in frames:
        assert one.offset <= len(text), "a frame is missing"
        text = text[: one.offset] + one.text
        texts.append(text)
        if text == until:
            return texts
    raise AssertionError("the frames ended")


async def until(holds: Callable[[], Awaitable[object]]) -> None:
    while not await holds():  # noqa: ASYNC110 - it comes to hold in another process, which tells nobody
        await asyncio.sleep(0.001)
