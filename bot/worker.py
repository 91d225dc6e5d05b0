"""The worker: claims turns and brings each to its end."""

from __future__ import annotations

import asyncio
import contextlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

import structlog

from conversation.errors import PlauschError

if TYPE_CHECKING:
    from bot.answerer import Answerer
    from conversation.ports import Inbox, Signals
    from conversation.turns import Claim

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Limits:
    """How a worker works. Times are in seconds."""

    at_once: int = 64
    """Turns that are answered at the same time."""
    lease: float = 15.0
    look_every: float = 1.0
    """A wake-up may be lost: the worker looks this often all the same."""
    drain: float = 30.0


class Worker:
    """Takes turns one conversation at a time and answers many conversations at once."""

    def __init__(self, name: str, inbox: Inbox, signals: Signals, answerer: Answerer, limits: Limits) -> None:
        self.name = name
        self._inbox = inbox
        self._signals = signals
        self._answerer = answerer
        self._limits = limits
        self._under_way: dict[asyncio.Task[None], str] = {}
        self._draining = False
        self._free = asyncio.Semaphore(limits.at_once)
        # Held from the question for a turn until its task is there: what is claimed is never forgotten.
        self._claiming = asyncio.Lock()

    async def run(self) -> None:
        """Claim and answer until ``drain`` is called. A fault of the database is waited out, a fault of ours raised."""
        while not self._draining:
            await self._free.acquire()
            began = False
            try:
                began = await self._begin()
            finally:
                if not began:
                    self._free.release()
            if not began:
                await self._signals.woken(self._limits.look_every)

    async def drain(self) -> None:
        """Take nothing new. What people see being written is ended within the limit, the rest handed back at once."""
        self._draining = True
        await self._signals.wake()
        async with self._claiming:
            under_way = dict(self._under_way)
        # A task that is cancelled before it began could not hand its turn back.
        await asyncio.sleep(0)
        hidden = {task for task, turn_id in under_way.items() if not self._answerer.is_visible(turn_id)}
        visible = under_way.keys() - hidden
        for task in hidden:
            task.cancel()
        if visible:
            _, late = await asyncio.wait(visible, timeout=self._limits.drain)
            for task in late:
                task.cancel()
        await asyncio.gather(*under_way, return_exceptions=True)

    async def _begin(self) -> bool:
        """Begin to answer the turn that waits longest, if there is one."""
        async with self._claiming:
            claim = await self._claim()
            if claim is None:
                return False
            task = asyncio.create_task(self._answerer.answer(claim))
            self._under_way[task] = claim.turn_id
            task.add_done_callback(self._done)
            return True

    async def _claim(self) -> Claim | None:
        if self._draining:
            return None
        try:
            return await self._inbox.claim(self.name, self._limits.lease, list(self._answerer.platforms))
        except PlauschError as trouble:
            log.warning("nothing claimed: the database is not available", trouble=str(trouble))
            return None

    def _done(self, task: asyncio.Task[None]) -> None:
        del self._under_way[task]
        self._free.release()
        with contextlib.suppress(asyncio.CancelledError):
            if error := task.exception():
                log.error("a turn ended with a fault of ours", error=repr(error), exc_info=error)
