"""When a chat may be written to: new messages and edits share one budget, and a group's topics share the group's.

Private chats bear about one call a second after a short burst; groups 20 a minute. Whoever goes beyond waits minutes,
or hours after a storm of edits, so the limits are kept before Telegram has to name them.
"""

from __future__ import annotations

import asyncio
import heapq
import time
from collections import OrderedDict, deque
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import count
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

_PRIVATE_SECONDS = 1.1
_PRIVATE_BURST = 3
_GROUP_SECONDS = 3.1
_GROUP_WINDOW_SECONDS = 60.0
_GROUP_MOST = 20
_GROUP_KEPT_FOR_LAST = 4
# After a flood the chat is written to half as often for a while.
_CAREFUL_SECONDS = 60.0
_CHATS_KEPT = 2048


async def _wait(changed: asyncio.Event, seconds: float | None) -> None:
    """Return when ``changed`` is set, or after the time."""
    with suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            await changed.wait()


@dataclass(slots=True)
class _Chat:
    group: bool
    written: deque[float] = field(default_factory=lambda: deque(maxlen=_GROUP_MOST))
    filled_at: float = float("-inf")
    """When the budget is whole again."""
    granted: int = 0
    """Turns that were waited for and not yet used."""
    paused_until: float = 0.0
    careful_until: float = 0.0
    waiting: list[tuple[bool, int]] = field(default_factory=list)
    changed: asyncio.Event = field(default_factory=asyncio.Event)

    def free_at(self, now: float, *, last: bool) -> float:
        """When the next write may go out."""
        seconds, burst = self._rate(now)
        at = max(self.paused_until, self.filled_at - (burst - 1) * seconds)
        most = _GROUP_MOST if last else _GROUP_MOST - _GROUP_KEPT_FOR_LAST
        if self.group and len(self.written) >= most:
            at = max(at, self.written[-most] + _GROUP_WINDOW_SECONDS)
        return at

    def write(self, now: float) -> None:
        """Count a write."""
        seconds, _ = self._rate(now)
        self.filled_at = max(self.filled_at, now) + seconds
        self.written.append(now)

    def _rate(self, now: float) -> tuple[float, int]:
        """Seconds for each write, and how many may come at once."""
        if now < self.careful_until:
            return 2 * (_GROUP_SECONDS if self.group else _PRIVATE_SECONDS), 1
        return (_GROUP_SECONDS, 1) if self.group else (_PRIVATE_SECONDS, _PRIVATE_BURST)

    def idle(self, now: float) -> bool:
        """Whether forgetting it changes nothing."""
        last = self.written[-1] if self.written else float("-inf")
        return not self.waiting and now > max(self.careful_until, last + _GROUP_WINDOW_SECONDS)


class Pacing:
    """One budget for each chat. ``now`` is in seconds and only grows; ``wait`` returns at a change or after a time."""

    def __init__(
        self,
        now: Callable[[], float] = time.monotonic,
        wait: Callable[[asyncio.Event, float | None], Awaitable[None]] = _wait,
    ) -> None:
        self._now = now
        self._wait = wait
        self._chats: OrderedDict[str, _Chat] = OrderedDict()
        self._numbers = count()

    async def turn(self, chat: str, *, last: bool) -> None:
        """Return when the chat may be written to, and count that write. Last writes go before others."""
        state = self._chat(chat)
        ticket = (not last, next(self._numbers))
        heapq.heappush(state.waiting, ticket)
        try:
            while (seconds := self._seconds(state, ticket)) is None or seconds > 0:
                state.changed.clear()
                await self._wait(state.changed, seconds)
            state.write(self._now())
            state.granted += 1
        finally:
            state.waiting.remove(ticket)
            heapq.heapify(state.waiting)
            state.changed.set()

    def wrote(self, chat: str) -> None:
        """Count a write, unless its turn was waited for: what nobody waited for makes the next one wait longer."""
        state = self._chat(chat)
        if state.granted:
            state.granted -= 1
        else:
            state.write(self._now())

    def pause(self, chat: str, seconds: float) -> None:
        """Telegram wants a pause: nobody writes there before it is over, and slower for a while after it."""
        state = self._chat(chat)
        now = self._now()
        state.paused_until = max(state.paused_until, now + seconds)
        state.careful_until = max(state.careful_until, now + seconds + _CAREFUL_SECONDS)

    def paused(self, chat: str) -> bool:
        """Whether a pause holds there."""
        state = self._chats.get(chat)
        return state is not None and state.paused_until > self._now()

    def _seconds(self, state: _Chat, ticket: tuple[bool, int]) -> float | None:
        """How long to wait: until the budget allows it, or until a change where others are before us."""
        if state.waiting[0] != ticket:
            return None
        now = self._now()
        return state.free_at(now, last=not ticket[0]) - now

    def _chat(self, chat: str) -> _Chat:
        state = self._chats.get(chat)
        if state is None:
            self._forget()
            # Telegram's groups have negative numbers.
            state = self._chats[chat] = _Chat(group=chat.startswith("-"))
        self._chats.move_to_end(chat)
        return state

    def _forget(self) -> None:
        now = self._now()
        while len(self._chats) >= _CHATS_KEPT:
            oldest = next(iter(self._chats.values()))
            if not oldest.idle(now):
                return
            self._chats.popitem(last=False)
