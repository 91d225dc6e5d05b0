"""The end of signals between processes."""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING

from adapters.stores.signals.between import SignalsBetweenProcesses
from tests.support.signals import BOUND_SECONDS, NothingMissed

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, AsyncIterator, Collection

    from adapters.stores.signals.ways import Batch


class Deaf:
    """A way, and its line, whose driver takes the first cancellation for a time limit of its own."""

    name = "Deaf"

    def __init__(self) -> None:
        self.listens = asyncio.Event()
        self.swallowed = 0

    @contextlib.asynccontextmanager
    async def line(self) -> AsyncIterator[Deaf]:
        yield self

    async def subscribe(self, channels: Collection[str]) -> None:
        """Nobody confirms it."""

    async def unsubscribe(self, channel: str) -> None:
        """The same."""

    async def heard(self) -> AsyncGenerator[tuple[str, None], None]:
        self.listens.set()
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            self.swallowed += 1
        await asyncio.Event().wait()
        yield "", None

    async def send(self, writer: str, batch: Batch) -> None:
        """Everything is taken."""

    async def knock(self) -> None:
        """Somebody is there."""

    async def aclose(self) -> None:
        """Nothing was opened."""


async def test_a_cancellation_that_a_driver_swallows_does_not_hold_up_the_end() -> None:
    way = Deaf()
    signals = SignalsBetweenProcesses([way], NothingMissed())
    async with asyncio.timeout(BOUND_SECONDS):
        await signals.wake()
        await way.listens.wait()
        await signals.aclose()

    assert way.swallowed == 1
