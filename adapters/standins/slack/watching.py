"""Changes for whoever waits: without polling, without sleeping."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Self, TypeVar
from weakref import WeakSet

if TYPE_CHECKING:
    from collections.abc import Callable

    from adapters.standins.slack.records import Change

T = TypeVar("T")


class Changes:
    """An async iterator over what happens from the moment it was made; it ends when the stand-in stops."""

    def __init__(self) -> None:
        self._queue: asyncio.Queue[Change | None] = asyncio.Queue()

    def put(self, change: Change | None) -> None:
        """Hand over a change; None ends the iteration."""
        self._queue.put_nowait(change)

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> Change:
        if (change := await self._queue.get()) is None:
            raise StopAsyncIteration
        return change


class Watch:
    """Tells every watcher of every change."""

    def __init__(self) -> None:
        self._changes: WeakSet[Changes] = WeakSet()
        self._wakes: set[asyncio.Event] = set()

    def tell(self, change: Change) -> None:
        """Hand the change to everyone who watches."""
        for changes in self._changes:
            changes.put(change)
        for wake in self._wakes:
            wake.set()

    def changes(self) -> Changes:
        """What happens from now on."""
        changes = Changes()
        self._changes.add(changes)
        return changes

    async def wait_for(self, predicate: Callable[[], T], within: float) -> T:
        """What the predicate returns once it is truthy, asked anew after each change. Raises ``TimeoutError``."""
        wake = asyncio.Event()
        self._wakes.add(wake)
        try:
            async with asyncio.timeout(within):
                while not (found := predicate()):
                    wake.clear()
                    await wake.wait()
                return found
        finally:
            self._wakes.discard(wake)

    def close(self) -> None:
        """End every iteration."""
        for changes in self._changes:
            changes.put(None)
