"""Signals between processes."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import uuid
from typing import TYPE_CHECKING

from adapters.stores.memory import InProcessSignals
from adapters.stores.redis.connection import Asking
from adapters.stores.redis.listener import Listener
from adapters.stores.redis.live import Live, channel_of
from adapters.stores.redis.outbox import Outbox
from adapters.stores.redis.wire import SIGNALS, Unreadable, call_from_wire, frame_from_wire

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Coroutine, Sequence

    from redis.asyncio import Redis

    from conversation.messages import ConversationKey
    from conversation.turns import Frame

PATIENCE_SECONDS = 0.25
"""How long a page that opens waits for Redis."""
_FLUSH_SECONDS = 1.0
_log = logging.getLogger(__name__)


class RedisSignals:
    """``conversation.ports.Signals`` between processes, by Redis' pub/sub.

    What is signalled reaches this process's own listeners directly and at once, whether there is a Redis or not; the
    others hear of it as soon as Redis takes it. No method raises, and only the beginning of a ``watch`` waits for
    Redis, ``patience_seconds`` at most for each step. Where frames may have been missed, the iterator of ``watch``
    ends: who comes back begins with the store.
    """

    def __init__(self, client: Redis, patience_seconds: float = PATIENCE_SECONDS) -> None:
        self._client = client
        self._patience_seconds = patience_seconds
        self._writer = uuid.uuid4().hex
        self._here = InProcessSignals()
        self._live = Live()
        self._asking = Asking(patience_seconds)
        self._outbox = Outbox(client, self._writer)
        self._listener = Listener(client, self._heard, self._live.end_all)
        self._tasks: list[asyncio.Task[None]] = []
        self._closed = False

    async def aclose(self) -> None:
        """Send what waits, for a second at most, and end. The client stays open: it is not ours."""
        self._closed = True
        self._outbox.close()
        if self._tasks:
            _, sending = self._tasks
            await asyncio.wait({sending}, timeout=_FLUSH_SECONDS)
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._asking.aclose()

    async def wake(self) -> None:
        """Wake whoever waits for work, in every process."""
        self._begin()
        await self._here.wake()
        self._outbox.wake()

    async def woken(self, timeout_seconds: float) -> None:
        """Wait for work, or for the time."""
        self._begin()
        await self._here.woken(timeout_seconds)

    async def stop(self, turn_ids: Sequence[str]) -> None:
        """Reach whoever writes these answers, in whatever process."""
        self._begin()
        await self._here.stop(turn_ids)
        self._outbox.stop(tuple(turn_ids))

    def stops(self, turn_id: str) -> contextlib.AbstractAsyncContextManager[asyncio.Event]:
        """An event that is set once a stop of this turn was asked for."""
        self._begin()
        return self._here.stops(turn_id)

    async def show(self, conversation: ConversationKey, frame: Frame) -> None:
        """Hand a frame to whoever watches, in every process."""
        self._begin()
        channel = channel_of(conversation)
        if (standing := self._live.grown(channel, frame)) is not None:
            self._live.hand(channel, self._writer, standing)
            self._outbox.show(channel, standing)

    @contextlib.asynccontextmanager
    async def watch(self, conversation: ConversationKey) -> AsyncIterator[AsyncIterator[Frame]]:
        """Frames of this conversation from now on, after the answer under way so far, whoever writes it."""
        self._begin()
        channel = channel_of(conversation)
        with self._live.watching(channel) as watcher:
            async with self._listener.following(channel, self._patience_seconds):
                writer, standing = await self._standing(channel)
                if standing is not None and watcher.seen is None:
                    watcher.hand(writer, standing)
                watcher.opened = True
                yield watcher.frames()

    async def _standing(self, channel: str) -> tuple[str, Frame | None]:
        """Who writes the answer under way, and how it stands. Of our own we know best."""
        kept = await self._asking.ask(lambda: self._kept(channel), None)
        if kept is not None and kept[0] != self._writer:
            return kept
        return self._writer, self._live.under_way(channel)

    async def _kept(self, channel: str) -> tuple[str, Frame] | None:
        raw = await self._client.get(channel)
        try:
            return frame_from_wire(raw) if raw is not None else None
        except Unreadable:
            return None

    async def _heard(self, channel: str, content: bytes) -> None:
        if channel != SIGNALS:
            writer, standing = frame_from_wire(content)
            if writer != self._writer:
                self._live.hand(channel, writer, standing)
            return
        call = call_from_wire(content)
        if call.writer == self._writer:
            return
        if call.wake:
            await self._here.wake()
        if call.stop:
            await self._here.stop(call.stop)
        if call.missed:
            self._live.end_all()

    def _begin(self) -> None:
        """Start to listen and to send with the first call, since a loop runs then."""
        if not self._tasks and not self._closed:
            self._tasks = [self._run(self._listener.run()), self._run(self._outbox.run())]

    def _run(self, part: Coroutine[object, object, None]) -> asyncio.Task[None]:
        task = asyncio.create_task(part)
        task.add_done_callback(_report)
        return task


def _report(task: asyncio.Task[None]) -> None:
    if not task.cancelled() and (fault := task.exception()):
        _log.error("signals between processes ended with a fault of ours", exc_info=fault)
