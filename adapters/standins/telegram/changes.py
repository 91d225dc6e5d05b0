"""What happens, for whoever watches: tests that wait for something, and the sandbox's chat pane."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Self, TypeVar
from weakref import WeakSet

if TYPE_CHECKING:
    from collections.abc import Callable

    from adapters.standins.telegram.messages import ShownMessage

T = TypeVar("T")


class ChangeKind(StrEnum):
    """What a person's client would redraw."""

    MESSAGE = "message"
    EDIT = "edit"
    DELETED = "deleted"
    TYPING = "typing"
    ANSWERED_PRESS = "answered_press"
    DRAFT = "draft"
    REACTION = "reaction"


@dataclass(frozen=True, slots=True)
class Change:
    """``message`` is its state after the change; ``text`` what a button, a draft or a reaction shows."""

    kind: ChangeKind
    chat_id: int
    message: ShownMessage | None = None
    topic: int | None = None
    text: str = ""


class Watcher:
    """An async iterator over the changes since it was made; it ends when the server does."""

    def __init__(self) -> None:
        self._queue: asyncio.Queue[Change | None] = asyncio.Queue()

    def put(self, change: Change | None) -> None:
        """Hand over a change, or None for the end."""
        self._queue.put_nowait(change)

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> Change:
        change = await self._queue.get()
        if change is None:
            self._queue.put_nowait(None)
            raise StopAsyncIteration
        return change


class Changes:
    """Hands changes to watchers and wakes those who wait for a condition."""

    def __init__(self) -> None:
        self._watchers: WeakSet[Watcher] = WeakSet()
        self._tick = asyncio.Event()
        self._over = False

    def watch(self) -> Watcher:
        """Everything that a client would show from now on."""
        watcher = Watcher()
        if self._over:
            watcher.put(None)
        self._watchers.add(watcher)
        return watcher

    def publish(self, change: Change) -> None:
        """Tell all watchers."""
        for watcher in self._watchers:
            watcher.put(change)
        self.tick()

    def tick(self) -> None:
        """Something else moved (a call, a confirmation, a delivery): conditions are looked at again."""
        self._tick.set()
        self._tick = asyncio.Event()

    async def until(self, condition: Callable[[], T], within: float) -> T:
        """The first true value of the condition. Raises ``TimeoutError`` after so many seconds."""
        async with asyncio.timeout(within):
            while not (value := condition()):
                await self._tick.wait()
        return value

    def close(self) -> None:
        """End all watchers."""
        self._over = True
        for watcher in self._watchers:
            watcher.put(None)
