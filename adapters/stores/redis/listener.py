"""What the other processes tell: one connection that listens, and comes back by itself."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections import Counter, defaultdict
from typing import TYPE_CHECKING, Any

from adapters.stores.redis.connection import TROUBLE, Pauses
from adapters.stores.redis.wire import SIGNALS, Unreadable

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable

    from redis.asyncio import Redis
    from redis.asyncio.client import PubSub

SILENCE_SECONDS = 5.0
"""After so much silence Redis is asked whether it is there, and after as much again it is not."""
_log = logging.getLogger(__name__)


class Listener:
    """Listens to the common channel, and to the channels of the conversations that are watched here.

    ``heard(channel, content)`` is called for what comes in; ``back()`` when it listens (again) and may have missed
    something.
    """

    def __init__(self, client: Redis, heard: Callable[[str, bytes], Awaitable[None]], back: Callable[[], None]) -> None:
        self._client = client
        self._heard = heard
        self._back = back
        self._pauses = Pauses(0.05, 5)
        self._followed: Counter[str] = Counter()
        self._flows: defaultdict[str, asyncio.Event] = defaultdict(asyncio.Event)
        self._pubsub: PubSub | None = None
        self._is_gone = False

    async def run(self) -> None:
        """Listen for good."""
        while True:
            try:
                await self._connected()
            except Exception as trouble:  # noqa: BLE001 - whatever it is, listening goes on with a new connection
                if not self._is_gone:
                    _log.warning("Redis is not available, signals stay in this process: %s", type(trouble).__name__)
                self._is_gone = True
            for flows in self._flows.values():
                # Whoever waits goes on without Redis; whoever comes later waits for the next connection.
                flows.set()
                flows.clear()
            await asyncio.sleep(self._pauses.next())

    @contextlib.asynccontextmanager
    async def following(self, channel: str, patience_seconds: float) -> AsyncIterator[None]:
        """Listen to this channel too, from the beginning of the context on, or as soon as Redis can be reached."""
        self._followed[channel] += 1
        try:
            await self._follow(channel, patience_seconds)
            yield
        finally:
            self._followed[channel] -= 1
            if not self._followed[channel]:
                del self._followed[channel]
                self._flows.pop(channel, None)
                await self._tell_redis("unsubscribe", channel, patience_seconds)

    async def _follow(self, channel: str, patience_seconds: float) -> None:
        if not self._is_gone and not self._flows[channel].is_set():
            await self._tell_redis("subscribe", channel, patience_seconds)
        if not self._is_gone:
            # No task may begin in between, as ``wait_for`` has one: it would miss that Redis turns out to be gone.
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(patience_seconds):
                    await self._flows[channel].wait()

    async def _tell_redis(self, order: str, channel: str, patience_seconds: float) -> None:
        """Change what is listened to. Where there is no connection now, the next one begins with all channels."""
        pubsub = self._pubsub
        connection: Any = None if pubsub is None else pubsub.connection
        if pubsub is None or connection is None or not connection.is_connected:
            return
        with contextlib.suppress(*TROUBLE):
            async with asyncio.timeout(patience_seconds):
                await getattr(pubsub, order)(channel)

    async def _connected(self) -> None:
        async with contextlib.aclosing(self._client.pubsub()) as pubsub:
            await pubsub.subscribe(SIGNALS)
            self._pubsub = pubsub
            try:
                if self._followed:
                    await pubsub.subscribe(*self._followed)
                await self._listen(pubsub)
            finally:
                self._pubsub = None

    async def _listen(self, pubsub: PubSub) -> None:
        was_silent = False
        while True:
            message = await pubsub.get_message(timeout=SILENCE_SECONDS)
            if message is not None:
                was_silent = False
                await self._take(message)
            elif was_silent:
                raise TimeoutError
            else:
                was_silent = True
                await pubsub.ping()

    async def _take(self, message: dict[str, Any]) -> None:
        match message:
            case {"type": "subscribe", "channel": bytes(name)}:
                self._subscribed(name.decode())
            case {"type": "message", "channel": bytes(name), "data": bytes(content)}:
                with contextlib.suppress(Unreadable):
                    await self._heard(name.decode(), content)

    def _subscribed(self, channel: str) -> None:
        if channel in self._followed:
            self._flows[channel].set()
        if channel == SIGNALS:
            self._pauses.reset()
            if self._is_gone:
                _log.info("Redis is back")
            self._is_gone = False
            self._back()
