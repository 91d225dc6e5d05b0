"""Processes that signal to each other, and what a page sees of it."""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING, Any, Protocol

from adapters.stores.redis.signals import PubSubWay
from adapters.stores.signals.between import SignalsBetweenProcesses
from adapters.stores.signals.choice import signals_for
from adapters.stores.sql.database import Database
from conversation.messages import ConversationKey
from conversation.turns import Frame

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Sequence

    from redis.asyncio import Redis

    from adapters.stores.signals.ways import Ended
    from tests.support.valkey import Valkey

BOUND_SECONDS = 20.0
OTHER_ROOM = ConversationKey("web", "web", "", "session-2")


@contextlib.asynccontextmanager
async def process(
    url: str, valkey: HasClient | None = None, patience_seconds: float = 10
) -> AsyncIterator[SignalsBetweenProcesses]:
    """What one process has, with connections of its own; it listens from the beginning on."""
    async with contextlib.AsyncExitStack() as stack:
        database = Database(url)
        stack.push_async_callback(database.aclose)
        client = None if valkey is None else await stack.enter_async_context(valkey.client())
        signals = signals_for(database, client)
        assert isinstance(signals, SignalsBetweenProcesses)
        signals._patience_seconds = patience_seconds
        yield await stack.enter_async_context(_listening(signals))


@contextlib.asynccontextmanager
async def process_by_redis_alone(valkey: Valkey) -> AsyncIterator[SignalsBetweenProcesses]:
    """The same without the other way: what arrives came by Redis."""
    async with (
        valkey.client() as client,
        _listening(SignalsBetweenProcesses([PubSubWay(client)], NothingMissed(), 10)) as signals,
    ):
        yield signals


class HasClient(Protocol):
    """A Redis, near or far."""

    def client(self) -> contextlib.AbstractAsyncContextManager[Redis]:
        """A connection as the service makes it."""


class NothingMissed:
    """A store that knows of nothing that signals should have told."""

    async def stopped(self, turn_ids: Collection[str]) -> Sequence[str]:  # noqa: ARG002 - the protocol's signature
        return []

    async def endings(self, conversations: Sequence[ConversationKey], seconds: float) -> Sequence[Ended]:  # noqa: ARG002 - the same
        return []


@contextlib.asynccontextmanager
async def _listening(signals: SignalsBetweenProcesses) -> AsyncIterator[SignalsBetweenProcesses]:
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
