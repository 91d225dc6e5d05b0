"""What the other processes tell by one way: one connection that listens, and comes back by itself."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections import Counter, defaultdict
from typing import TYPE_CHECKING

from adapters.stores.signals.ways import Pauses
from adapters.stores.signals.wire import SIGNALS, Unreadable

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable

    from adapters.stores.signals.ways import Line, Way

_log = logging.getLogger(__name__)


class Listener:
    """Listens to the common channel, and to the channels of the conversations that are watched here.

    ``heard(channel, content)`` is called for what comes in; ``changed()`` when it listens (again) and when it can't
    any more: something may have been missed.
    """

    def __init__(
        self, way: Way, heard: Callable[[str, bytes | str], Awaitable[None]], changed: Callable[[], None]
    ) -> None:
        self._way = way
        self._heard = heard
        self._changed = changed
        self._pauses = Pauses(0.05, 5)
        self._followed: Counter[str] = Counter()
        self._flows: defaultdict[str, asyncio.Event] = defaultdict(asyncio.Event)
        self._line: Line | None = None
        self._awaited = ""
        """The last channel of those that a new line begins with, until it is confirmed."""
        self.is_deaf = False
        """It is known that nothing comes in."""

    async def run(self) -> None:
        """Listen for good."""
        while True:
            try:
                await self._listen()
            except Exception as trouble:  # noqa: BLE001 - whatever it is, listening goes on with a new connection
                if not self.is_deaf:
                    _log.warning("no signals come in by %s: %s", self._way.name, type(trouble).__name__)
                self.is_deaf = True
            self._changed()
            for flows in self._flows.values():
                # Whoever waits goes on without; whoever comes later waits for the next connection.
                flows.set()
                flows.clear()
            await asyncio.sleep(self._pauses.next())

    @contextlib.asynccontextmanager
    async def following(self, channel: str, patience_seconds: float) -> AsyncIterator[None]:
        """Listen to this channel too, from the beginning of the context on, or as soon as the way is free."""
        self._followed[channel] += 1
        try:
            await self._follow(channel, patience_seconds)
            yield
        finally:
            self._followed[channel] -= 1
            if not self._followed[channel]:
                del self._followed[channel]
                self._flows.pop(channel, None)
                if self._line is not None:
                    await self._line.unsubscribe(channel)

    async def _follow(self, channel: str, patience_seconds: float) -> None:
        if self._line is not None and not self._flows[channel].is_set():
            await self._line.subscribe([channel])
        if not self.is_deaf:
            # No task may begin in between, as ``wait_for`` has one: it would miss that the way turns out to be blocked.
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(patience_seconds):
                    await self._flows[channel].wait()

    async def _listen(self) -> None:
        async with self._way.line() as line:
            self._line = line
            try:
                channels = [SIGNALS, *self._followed]
                self._awaited = channels[-1]
                await line.subscribe(channels)
                async with contextlib.aclosing(line.heard()) as heard:
                    async for channel, content in heard:
                        await self._take(channel, content)
            finally:
                self._line = None

    async def _take(self, channel: str, content: bytes | str | None) -> None:
        if content is not None:
            with contextlib.suppress(Unreadable):
                await self._heard(channel, content)
            return
        if channel in self._followed:
            self._flows[channel].set()
        if channel == self._awaited:
            self._hears()

    def _hears(self) -> None:
        """All channels are confirmed, so what is asked for now is heard when it comes."""
        self._awaited = ""
        self._pauses.reset()
        if self.is_deaf:
            _log.info("signals come in by %s again", self._way.name)
        self.is_deaf = False
        self._changed()
