"""Signals between processes."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import uuid
from typing import TYPE_CHECKING

from adapters.stores.memory import InProcessSignals
from adapters.stores.signals.listener import Listener
from adapters.stores.signals.live import Live, channel_of
from adapters.stores.signals.lookout import Lookout
from adapters.stores.signals.outbox import IMPATIENCE_SECONDS, SEND_SECONDS, Outbox, Speaker
from adapters.stores.signals.wire import SIGNALS, call_from_wire, told_from_wire

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Coroutine, Sequence

    from adapters.stores.signals.ways import Truth, Way
    from conversation.messages import ConversationKey
    from conversation.turns import Frame

PATIENCE_SECONDS = 0.25
"""How long a page that opens waits for each way."""
_FLUSH_SECONDS = 1.0
_CANCEL_SECONDS = 0.25
_log = logging.getLogger(__name__)


class SignalsBetweenProcesses:
    """``conversation.ports.Signals`` between processes: told by the first of its ways that is free, heard by all.

    What is signalled reaches this process's own listeners directly and at once, whatever the ways do; the others hear
    of it as soon as a way takes it. No method raises, and only the beginning of a ``watch`` waits for others,
    ``patience_seconds`` at most for each way. While a way is blocked the store is looked at too. Where frames were
    lost all the same, the iterator of ``watch`` ends: who comes back begins with the store.
    """

    def __init__(self, ways: Sequence[Way], store: Truth, patience_seconds: float = PATIENCE_SECONDS) -> None:
        self._names = [way.name for way in ways]
        self._patience_seconds = patience_seconds
        self._writer = uuid.uuid4().hex
        self._here = InProcessSignals()
        self._live = Live(self._writer)
        self._speakers = [Speaker(way, IMPATIENCE_SECONDS, self._changed) for way in ways[:-1]]
        self._speakers.append(Speaker(ways[-1], SEND_SECONDS, self._changed))
        self._listeners = [Listener(way, self._heard, self._changed) for way in ways]
        self._outbox = Outbox(self._writer, self._speakers)
        self._lookout = Lookout(store, self._here, self._live, lambda: any(self._blocked()))
        self._tasks: list[asyncio.Task[None]] = []
        self._closed = False

    @property
    def trouble(self) -> str | None:
        """What is slower than it should be now, in English; None where nothing is."""
        blocked = self._blocked()
        if not blocked[0]:
            return None
        free = [name for name, is_blocked in zip(self._names, blocked, strict=True) if not is_blocked]
        instead = f"they go by {free[0]}" if free else "the database is looked at every second"
        return f"{self._names[0]} carries no signals: {instead}"

    async def aclose(self) -> None:
        """Send what waits, for a second at most, and end. Clients and databases stay open: they are not ours."""
        self._closed = True
        self._outbox.close()
        if self._tasks:
            await asyncio.wait(self._tasks[:1], timeout=_FLUSH_SECONDS)
        while alive := [task for task in self._tasks if not task.done()]:
            for task in alive:
                task.cancel()
            # A driver's own time limit that runs out in the same instant can swallow the cancellation: then once more.
            await asyncio.wait(alive, timeout=_CANCEL_SECONDS)
        for speaker in self._speakers:
            await speaker.aclose()

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
        self._outbox.stop(turn_ids)

    @contextlib.asynccontextmanager
    async def stops(self, turn_id: str) -> AsyncIterator[asyncio.Event]:
        """An event that is set once a stop of this turn was asked for, by whoever writes it."""
        self._begin()
        try:
            async with self._here.stops(turn_id) as stop:
                yield stop
        finally:
            self._live.forget(turn_id)

    async def show(self, conversation: ConversationKey, frame: Frame) -> None:
        """Hand a frame to whoever watches, in every process."""
        self._begin()
        channel = channel_of(conversation)
        if (told := self._live.grown(channel, frame)) is not None:
            self._live.hand(channel, told)
            self._outbox.show(channel, told)

    @contextlib.asynccontextmanager
    async def watch(self, conversation: ConversationKey) -> AsyncIterator[AsyncIterator[Frame]]:
        """Frames of this conversation from now on, after the answer under way so far, whoever writes it."""
        self._begin()
        channel = channel_of(conversation)
        with self._live.watching(channel, conversation) as watcher:
            async with contextlib.AsyncExitStack() as stack:
                for listener in self._listeners:
                    await stack.enter_async_context(listener.following(channel, self._patience_seconds))
                if (told := self._live.under_way(channel)) is not None:
                    watcher.hand(told)
                else:
                    self._outbox.ask([channel])
                watcher.opened = True
                yield watcher.frames()

    async def _heard(self, channel: str, content: bytes | str) -> None:
        if channel != SIGNALS:
            told = told_from_wire(content)
            if told.writer != self._writer:
                self._live.hand(channel, told)
            return
        call = call_from_wire(content)
        if call.writer == self._writer:
            return
        if call.wake:
            await self._here.wake()
        await self._here.stop(call.stop)
        for asked in call.asked:
            if (standing := self._live.under_way(asked)) is not None:
                self._outbox.show(asked, standing)
        if call.missed:
            self._live.end_all()

    def _blocked(self) -> list[bool]:
        """Of each way, whether it is known not to work."""
        pairs = zip(self._listeners, self._speakers, strict=True)
        return [listener.is_deaf or speaker.is_blocked for listener, speaker in pairs]

    def _changed(self) -> None:
        """Something may have been missed: find out how things stand."""
        if channels := self._live.channels():
            self._outbox.ask(channels)
        self._lookout.look()

    def _begin(self) -> None:
        """Start to listen and to send with the first call, since a loop runs then."""
        if not self._tasks and not self._closed:
            listening = [listener.run() for listener in self._listeners]
            self._tasks = [self._run(part) for part in (self._outbox.run(), self._lookout.run(), *listening)]

    def _run(self, part: Coroutine[object, object, None]) -> asyncio.Task[None]:
        task = asyncio.create_task(part)
        task.add_done_callback(_report)
        return task


def _report(task: asyncio.Task[None]) -> None:
    if not task.cancelled() and (fault := task.exception()):
        _log.error("signals between processes ended with a fault of ours", exc_info=fault)
