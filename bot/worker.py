"""The worker: claims turns and brings each to its end."""

from __future__ import annotations

import asyncio
import contextlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

import structlog

from conversation.errors import StoreUnavailable

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
        self._under_way: set[asyncio.Task[None]] = set()
        self._draining = False
        self._free = asyncio.Semaphore(limits.at_once)

    async def run(self) -> None:
        """Claim and answer until ``drain`` is called."""
        while not self._draining:
            await self._free.acquire()
            try:
                claim = await self._claim()
            except BaseException:
                self._free.release()
                raise
            if claim is None:
                self._free.release()
                await self._signals.woken(self._limits.look_every)
                continue
            task = asyncio.create_task(self._answerer.answer(claim))
            self._under_way.add(task)
            task.add_done_callback(self._done)

    async def drain(self) -> None:
        """Take nothing new; end what is under way, and hand back what does not end within the limit."""
        self._draining = True
        await self._signals.wake()
        if self._under_way:
            _, late = await asyncio.wait(self._under_way, timeout=self._limits.drain)
            for task in late:
                task.cancel()
            await asyncio.gather(*late, return_exceptions=True)

    async def _claim(self) -> Claim | None:
        if self._draining:
            return None
        try:
            return await self._inbox.claim(self.name, self._limits.lease, list(self._answerer.platforms))
        except StoreUnavailable as trouble:
            log.warning("nothing claimed: the database is not available", trouble=str(trouble))
            await asyncio.sleep(self._limits.look_every)
            return None

    def _done(self, task: asyncio.Task[None]) -> None:
        self._under_way.discard(task)
        self._free.release()
        with contextlib.suppress(asyncio.CancelledError):
            if error := task.exception():
                log.error("a turn ended with a fault of ours", error=repr(error), exc_info=error)
