"""What this process tells the others. Nobody waits for it: the newest is kept, and sent as soon as a way is free."""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING

from adapters.stores.signals.ways import Batch, NotSent, Pauses

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from adapters.stores.signals.ways import Way
    from adapters.stores.signals.wire import Told

SEND_SECONDS = 2.0
CONNECT_SECONDS = 2.0
IMPATIENCE_SECONDS = 0.25
"""How long a way may take where there is another one behind it."""
OVERLAP_SECONDS = 10.0
"""After a way is free again the next one is used beside it for so long, until all others listen to it again."""
_LARGEST = 1024
_log = logging.getLogger(__name__)


class Speaker:
    """Speaks by one way, and knows whether it is free. Where it is blocked, it knocks until somebody is there."""

    def __init__(self, way: Way, within_seconds: float, changed: Callable[[], None]) -> None:
        """``changed()`` is called when it turns out to be blocked, for the others may find the same."""
        self._way = way
        self._within_seconds = within_seconds
        self._changed = changed
        self._pauses = Pauses(0.05, 2)
        self._knocking: asyncio.Task[None] | None = None
        self._proven_at = 0.0

    @property
    def is_blocked(self) -> bool:
        """What is said here reaches nobody."""
        return self._knocking is not None

    @property
    def is_proven(self) -> bool:
        """Whether the others have had the time to listen by this way again."""
        return asyncio.get_running_loop().time() >= self._proven_at

    async def say(self, writer: str, batch: Batch) -> bool:
        """Whether it could be told in time."""
        if self.is_blocked:
            return False
        try:
            async with asyncio.timeout(self._within_seconds):
                await self._way.send(writer, batch)
        except Exception as trouble:  # noqa: BLE001 - whatever a driver raises, the process goes on signalling
            _log.warning("no signals go by %s: %s", self._way.name, _told(trouble))
            if self.is_proven:
                self._pauses.reset()
            self._knocking = asyncio.create_task(self._knock())
            self._changed()
            return False
        return True

    async def aclose(self) -> None:
        """Knock no more, and close the way."""
        if self._knocking is not None:
            self._knocking.cancel()
            await asyncio.gather(self._knocking, return_exceptions=True)
        await self._way.aclose()

    async def _knock(self) -> None:
        while True:
            await asyncio.sleep(self._pauses.next())
            try:
                # The first one may have to connect; the second one shows how fast the way is.
                for within in (CONNECT_SECONDS, self._within_seconds):
                    async with asyncio.timeout(within):
                        await self._way.knock()
            except Exception as trouble:  # noqa: BLE001 - the same
                _log.debug("%s is not free yet: %s", self._way.name, _told(trouble))
                continue
            _log.info("signals go by %s again", self._way.name)
            self._proven_at = asyncio.get_running_loop().time() + OVERLAP_SECONDS
            self._knocking = None
            return


def _told(trouble: Exception) -> str:
    if isinstance(trouble, NotSent):
        return str(trouble)
    return "it takes too long" if isinstance(trouble, TimeoutError) else type(trouble).__name__


class Outbox:
    """Signals on their way. No method of it waits or raises; ``run`` sends, by the first way that is free."""

    def __init__(self, writer: str, speakers: Sequence[Speaker]) -> None:
        self._writer = writer
        self._speakers = speakers
        self._batch = Batch()
        self._filled = asyncio.Event()
        self._closing = False
        self._pauses = Pauses(0.05, 1)

    def wake(self) -> None:
        """Wake the others' workers."""
        self._batch.wake = True
        self._filled.set()

    def stop(self, turn_ids: Sequence[str]) -> None:
        """Stop these answers; where this is lost the store tells, seconds later."""
        if len(self._batch.stop) < _LARGEST:
            self._batch.stop |= dict.fromkeys(turn_ids)
        self._filled.set()

    def ask(self, channels: Sequence[str]) -> None:
        """Let whoever writes an answer that is watched here tell how it stands."""
        if len(self._batch.asked) < _LARGEST:
            self._batch.asked |= dict.fromkeys(channels)
        self._filled.set()

    def show(self, channel: str, told: Told) -> None:
        """Hand a standing frame to the others' watchers."""
        if len(self._batch.frames) >= _LARGEST:
            self._batch.frames.clear()
            self._batch.missed = True
        # Taken out first, so that turns of one conversation stay in their order.
        self._batch.frames.pop((channel, told.frame.turn_id), None)
        self._batch.frames[channel, told.frame.turn_id] = told
        self._filled.set()

    def close(self) -> None:
        """Let ``run`` return once everything was sent."""
        self._closing = True
        self._filled.set()

    async def run(self) -> None:
        """Send, until ``close`` is called."""
        while True:
            await self._filled.wait()
            self._filled.clear()
            batch, self._batch = self._batch, Batch()
            was_sent = batch.is_empty() or await self._sent(batch)
            if was_sent:
                self._pauses.reset()
            elif batch.frames or batch.missed:
                # Wake-ups and stops are found in the store. Who watches elsewhere has to be told to look there.
                self._batch.missed = True
                self._filled.set()
            if self._closing and (self._batch.is_empty() or not was_sent):
                return
            if not was_sent:
                await asyncio.sleep(self._pauses.next())

    async def _sent(self, batch: Batch) -> bool:
        was_sent = False
        for speaker in self._speakers:
            said = await speaker.say(self._writer, batch)
            was_sent = was_sent or said
            if said and speaker.is_proven:
                break
        return was_sent
