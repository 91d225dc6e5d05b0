"""Signals within one process."""

from __future__ import annotations

import asyncio
import contextlib
from collections import defaultdict
from dataclasses import replace
from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Collection, Sequence

    from conversation.messages import ConversationKey
    from conversation.turns import Frame


_Queue: TypeAlias = "asyncio.Queue[Frame | None]"

MOST_UNREAD = 1000
"""Frames that wait for a page. One that does not read for so long is ended: it comes back and begins with the store."""


class Watchers:
    """Who watches which conversation, and the answer under way that a newcomer needs to see first."""

    def __init__(self) -> None:
        self._queues: defaultdict[ConversationKey, set[_Queue]] = defaultdict(set)
        self._under_way: dict[ConversationKey, Frame] = {}

    def show(self, conversation: ConversationKey, frame: Frame) -> None:
        """Hand the frame to whoever watches, and remember how the answer stands."""
        if frame.last:
            self._under_way.pop(conversation, None)
        else:
            before = self._under_way.get(conversation)
            text = before.text[: frame.offset] if before is not None and before.turn_id == frame.turn_id else ""
            self._under_way[conversation] = replace(frame, offset=0, text=text + frame.text)
        for queue in self._queues.get(conversation, ()):
            if queue.qsize() >= MOST_UNREAD - 1:
                while not queue.empty():
                    queue.get_nowait()
                queue.put_nowait(None)
            else:
                queue.put_nowait(frame)

    @contextlib.asynccontextmanager
    async def watch(self, conversation: ConversationKey) -> AsyncIterator[AsyncIterator[Frame]]:
        """Frames from now on, after the answer under way so far."""
        queue: _Queue = asyncio.Queue()
        if under_way := self._under_way.get(conversation):
            queue.put_nowait(under_way)
        self._queues[conversation].add(queue)
        try:
            yield _frames(queue)
        finally:
            self._queues[conversation].discard(queue)
            if not self._queues[conversation]:
                del self._queues[conversation]


async def _frames(queue: _Queue) -> AsyncIterator[Frame]:
    while (frame := await queue.get()) is not None:
        yield frame


class InProcessSignals:
    """``conversation.ports.Signals`` where one process does all."""

    trouble: str | None = None
    """Nothing can be in the way here."""

    def __init__(self) -> None:
        self._wake = asyncio.Event()
        self._stops: defaultdict[str, set[asyncio.Event]] = defaultdict(set)
        self._watchers = Watchers()

    async def wake(self) -> None:
        """Wake whoever waits for work."""
        self._wake.set()

    async def woken(self, timeout_seconds: float) -> None:
        """Wait for work, or for the time."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(timeout_seconds):
                await self._wake.wait()
        self._wake.clear()

    async def stop(self, turn_ids: Sequence[str]) -> None:
        """Reach whoever writes these answers."""
        for turn_id in turn_ids:
            for event in self._stops.get(turn_id, ()):
                event.set()

    @contextlib.asynccontextmanager
    async def stops(self, turn_id: str) -> AsyncIterator[asyncio.Event]:
        """An event that is set once a stop of this turn was asked for."""
        event = asyncio.Event()
        self._stops[turn_id].add(event)
        try:
            yield event
        finally:
            self._stops[turn_id].discard(event)
            if not self._stops[turn_id]:
                del self._stops[turn_id]

    def written(self) -> Collection[str]:
        """The turns whose stop somebody waits for here: those that are being written."""
        return tuple(self._stops)

    async def show(self, conversation: ConversationKey, frame: Frame) -> None:
        """Hand a frame to whoever watches."""
        self._watchers.show(conversation, frame)

    def watch(self, conversation: ConversationKey) -> contextlib.AbstractAsyncContextManager[AsyncIterator[Frame]]:
        """Frames of this conversation from now on."""
        return self._watchers.watch(conversation)

    async def aclose(self) -> None:
        """Nothing is open."""
