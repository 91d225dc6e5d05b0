"""One connection to PostgreSQL that listens."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from typing import TYPE_CHECKING, Any

from adapters.stores.sql.signals_pieces import Joining

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Awaitable, Callable, Collection

    from adapters.stores.signals.ways import Heard

SILENCE_SECONDS = 5.0
"""After so much silence an echo is called for, and where none comes in as much time, the connection is dead."""
ECHO_SECONDS = 2.0


class NotifyLine:
    """``adapters.stores.signals.ways.Line``. ``call`` makes another connection tell something on the channel ``echo``.

    The driver does one thing at a time: ``heard`` carries out the orders, one after the other.
    """

    def __init__(self, connection: Any, echo: str, call: Callable[[], Awaitable[None]]) -> None:
        self._connection = connection
        self._echo = echo
        self._call = call
        self._came_in: asyncio.Queue[Heard | None] = asyncio.Queue()
        self._orders: asyncio.Queue[tuple[str, bool]] = asyncio.Queue()
        self._joining: defaultdict[str, Joining] = defaultdict(Joining)
        connection.add_termination_listener(self._ended)

    async def prove(self) -> None:
        """Return once an echo was heard. Raises ``TimeoutError``, and what the driver raises."""
        async with asyncio.timeout(ECHO_SECONDS):
            await self._connection.add_listener(self._echo, self._notified)
            await self._call()
            if await self._came_in.get() is None:
                raise ConnectionError

    async def subscribe(self, channels: Collection[str]) -> None:
        """Listen to these soon."""
        for channel in channels:
            self._orders.put_nowait((channel, True))

    async def unsubscribe(self, channel: str) -> None:
        """Hear no more of it soon."""
        self._orders.put_nowait((channel, False))

    async def heard(self) -> AsyncGenerator[Heard, None]:
        """What comes in, until the connection is gone."""
        obeying = asyncio.create_task(self._obey())
        try:
            while True:
                came_in = await self._next()
                if came_in[0] != self._echo:
                    yield came_in
        finally:
            obeying.cancel()
            await asyncio.gather(obeying, return_exceptions=True)

    async def _next(self) -> Heard:
        try:
            async with asyncio.timeout(SILENCE_SECONDS):
                came_in = await self._came_in.get()
        except TimeoutError:
            async with asyncio.timeout(SILENCE_SECONDS):
                await self._call()
                came_in = await self._came_in.get()
        if came_in is None:
            raise ConnectionError
        return came_in

    async def _obey(self) -> None:
        try:
            while True:
                channel, listens = await self._orders.get()
                if listens:
                    await self._connection.add_listener(channel, self._notified)
                    self._came_in.put_nowait((channel, None))
                else:
                    await self._connection.remove_listener(channel, self._notified)
                    self._joining.pop(channel, None)
        finally:
            self._came_in.put_nowait(None)

    def _notified(self, _connection: Any, _process: int, channel: str, piece: str) -> None:
        if channel == self._echo:
            self._came_in.put_nowait((channel, None))
        elif (content := self._joining[channel].joined(piece)) is not None:
            self._came_in.put_nowait((channel, content))

    def _ended(self, _connection: Any) -> None:
        self._came_in.put_nowait(None)
