"""Signals by Redis' pub/sub."""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING, Any

from adapters.stores.redis.connection import TROUBLE
from adapters.stores.signals.ways import NotSent
from adapters.stores.signals.wire import SIGNALS, call_to_wire, told_to_wire

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, AsyncIterator, Collection, Iterator

    from redis.asyncio import Redis
    from redis.asyncio.client import PubSub

    from adapters.stores.signals.ways import Batch, Heard

SILENCE_SECONDS = 5.0
"""After so much silence Redis is asked whether it is there, and after as much again it is not."""
_ORDER_SECONDS = 0.25


class PubSubWay:
    """``adapters.stores.signals.ways.Way`` by Redis. Nothing is kept there. The client stays open: it is not ours."""

    name = "Redis"

    def __init__(self, client: Redis) -> None:
        self._client = client

    @contextlib.asynccontextmanager
    async def line(self) -> AsyncIterator[PubSubLine]:
        """A connection that listens."""
        async with contextlib.aclosing(self._client.pubsub()) as pubsub:
            await pubsub.connect()  # type: ignore[no-untyped-call]  # the library has no types there
            yield PubSubLine(pubsub)

    async def send(self, writer: str, batch: Batch) -> None:
        """One round trip for all."""
        pipeline = self._client.pipeline(transaction=False)
        if batch.concerns_all():
            pipeline.publish(SIGNALS, call_to_wire(writer, batch))
        for (channel, _), told in batch.frames.items():
            pipeline.publish(channel, told_to_wire(told))
        with _not_sent():
            await pipeline.execute()

    async def knock(self) -> None:
        """Whether it answers."""
        with _not_sent():
            await self._client.ping()

    async def aclose(self) -> None:
        """Nothing here is ours to close."""


class PubSubLine:
    """``adapters.stores.signals.ways.Line`` on a subscription."""

    def __init__(self, pubsub: PubSub) -> None:
        self._pubsub = pubsub
        self._is_broken = False

    async def subscribe(self, channels: Collection[str]) -> None:
        """Redis confirms it by a message."""
        await self._order("subscribe", channels)

    async def unsubscribe(self, channel: str) -> None:
        """Hear no more of it."""
        await self._order("unsubscribe", [channel])

    async def _order(self, order: str, channels: Collection[str]) -> None:
        connection: Any = self._pubsub.connection
        # The library would connect anew, and hide that something may have been missed.
        if connection is None or not connection.is_connected:
            return
        try:
            async with asyncio.timeout(_ORDER_SECONDS):
                await getattr(self._pubsub, order)(*channels)
        except TROUBLE:
            self._is_broken = True

    async def heard(self) -> AsyncGenerator[Heard, None]:
        """What comes in, until Redis is gone."""
        was_silent = False
        while not self._is_broken:
            message = await self._pubsub.get_message(timeout=SILENCE_SECONDS)
            if message is None:
                if was_silent:
                    raise TimeoutError
                await self._pubsub.ping()
            was_silent = message is None
            match message:
                case {"type": "subscribe", "channel": bytes(name)}:
                    yield name.decode(), None
                case {"type": "message", "channel": bytes(name), "data": bytes(content)}:
                    yield name.decode(), content
        raise ConnectionError


@contextlib.contextmanager
def _not_sent() -> Iterator[None]:
    try:
        yield
    except TROUBLE as trouble:
        raise NotSent(type(trouble).__name__) from trouble
