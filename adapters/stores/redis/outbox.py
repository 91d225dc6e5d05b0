"""What this process tells the others. Nobody waits for it: the newest is kept, and sent as soon as Redis takes it."""

from __future__ import annotations

import asyncio
import logging
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from adapters.stores.redis.connection import TROUBLE, Pauses
from adapters.stores.redis.wire import SIGNALS, Call, call_to_wire, frame_to_wire

if TYPE_CHECKING:
    from redis.asyncio import Redis

    from conversation.turns import Frame

SEND_SECONDS = 2.0
KEPT_SECONDS = 300
"""How long an answer under way is kept for newcomers after its last change, in case its writer dies."""
_LARGEST = 1024
_log = logging.getLogger(__name__)


@dataclass(slots=True)
class _Batch:
    """What goes out together. A frame holds the whole text, so of one turn's frames the newest is enough."""

    wake: bool = False
    stop: dict[str, None] = field(default_factory=dict)
    frames: dict[tuple[str, str], Frame] = field(default_factory=dict)
    missed: bool = False

    def is_empty(self) -> bool:
        return not (self.wake or self.stop or self.frames or self.missed)


class Outbox:
    """Signals on their way to Redis. No method of it waits or raises; ``run`` sends."""

    def __init__(self, client: Redis, writer: str) -> None:
        self._client = client
        self._writer = writer
        self._batch = _Batch()
        self._filled = asyncio.Event()
        self._closing = False
        self._pauses = Pauses(0.1, 5)

    def wake(self) -> None:
        """Wake the others' workers."""
        self._batch.wake = True
        self._filled.set()

    def stop(self, turn_ids: tuple[str, ...]) -> None:
        """Stop these answers; the lease's renewal stops them too, a few seconds later."""
        if len(self._batch.stop) < _LARGEST:
            self._batch.stop |= dict.fromkeys(turn_ids)
        self._filled.set()

    def show(self, channel: str, standing: Frame) -> None:
        """Hand a standing frame to the others' watchers."""
        if len(self._batch.frames) >= _LARGEST:
            self._batch.frames.clear()
            self._batch.missed = True
        # Taken out first, so that turns of one conversation stay in their order.
        self._batch.frames.pop((channel, standing.turn_id), None)
        self._batch.frames[channel, standing.turn_id] = standing
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
            batch, self._batch = self._batch, _Batch()
            was_sent = batch.is_empty() or await self._try(batch)
            if self._closing and (self._batch.is_empty() or not was_sent):
                return
            if not was_sent:
                await asyncio.sleep(self._pauses.next())

    async def _try(self, batch: _Batch) -> bool:
        try:
            async with asyncio.timeout(SEND_SECONDS):
                await self._send(batch)
        except TROUBLE as trouble:
            _log.debug("signals were not sent: %s", type(trouble).__name__)
            # Wake-ups and stops are found in the store. Who watches elsewhere has to be told to look there.
            if batch.frames or batch.missed:
                self._batch.missed = True
                self._filled.set()
            return False
        self._pauses.reset()
        return True

    async def _send(self, batch: _Batch) -> None:
        pipeline = self._client.pipeline(transaction=False)
        if batch.wake or batch.stop or batch.missed:
            call = Call(self._writer, batch.wake, tuple(batch.stop), batch.missed)
            pipeline.publish(SIGNALS, call_to_wire(call))
        for (channel, _), standing in batch.frames.items():
            content = frame_to_wire(self._writer, standing)
            # Kept before it is told, so that a newcomer who listens already and then looks misses nothing.
            if standing.last:
                pipeline.delete(channel)
            else:
                pipeline.set(channel, content, ex=KEPT_SECONDS)
            pipeline.publish(channel, content)
        await pipeline.execute()
