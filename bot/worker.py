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

_FEWEST_CLAIMS, _MOST_CLAIMS = 2, 32
"""How many turns are asked for at once: two at first, since one would not tell whether there are more; so many at most
that several processes share what waits.
"""


@dataclass(frozen=True, slots=True)
class Limits:
    """How a worker works. Times are in seconds."""

    at_once: int = 64
    """Turns that are answered at the same time."""
    lease: float = 15.0
    look_every: float = 1.0
    """A wake-up may be lost: the worker looks this often all the same."""
    drain: float = 30.0
    quick: int = 16
    """Turns beyond those that need no model: a command does not wait for a free place behind long answers."""


class Worker:
    """Takes turns one conversation at a time and answers many conversations at once."""

    def __init__(self, name: str, inbox: Inbox, signals: Signals, answerer: Answerer, limits: Limits) -> None:
        self.name = name
        self._inbox = inbox
        self._signals = signals
        self._answerer = answerer
        self._limits = limits
        self._under_way: dict[asyncio.Task[None], Claim] = {}
        self._draining = False
        self._asking = _FEWEST_CLAIMS
        """How many turns are asked for next: more each time, as long as there are so many."""
        # Held from the question for turns until their tasks are there: what is claimed is never forgotten.
        self._claiming = asyncio.Lock()

    async def run(self) -> None:
        """Claim and answer until ``drain`` is called. A fault of the database is waited out, a fault of ours raised."""
        while not self._draining:
            if not await self._begin():
                await self._signals.woken(self._limits.look_every)

    @property
    def under_way(self) -> int:
        """How many turns are being answered here."""
        return len(self._under_way)

    async def drain(self) -> None:
        """Take nothing new. What people see being written is ended within the limit, the rest handed back at once."""
        self._draining = True
        await self._signals.wake()
        async with self._claiming:
            under_way = dict(self._under_way)
        # A task that is cancelled before it began could not hand its turn back.
        await asyncio.sleep(0)
        hidden = {task for task, claim in under_way.items() if not self._answerer.is_visible(claim.turn_id)}
        visible = under_way.keys() - hidden
        for task in hidden:
            task.cancel()
        if visible:
            _, late = await asyncio.wait(visible, timeout=self._limits.drain)
            for task in late:
                task.cancel()
        await asyncio.gather(*under_way, return_exceptions=True)
        await self._answerer.repeats.aclose()

    async def _begin(self) -> bool:
        """Begin to answer the turns that wait, as many as there is room for. Whether there may be more."""
        async with self._claiming:
            quick = sum(_is_quick(claim) for claim in self._under_way.values())
            # More of them than have places of their own take those of answers: nobody takes all that waits.
            free = self._limits.at_once - (len(self._under_way) - min(quick, self._limits.quick))
            if free > 0:
                asked = min(free, self._asking)
                claims = await self._claim(asked, quick_only=False)
            else:
                asked = max(0, min(self._limits.quick - quick, self._asking))
                claims = await self._claim(asked, quick_only=True)
            for claim in claims:
                task = asyncio.create_task(self._answerer.answer(claim))
                self._under_way[task] = claim
                task.add_done_callback(self._done)
            there_may_be_more = 0 < asked == len(claims)
            self._asking = min(2 * self._asking, _MOST_CLAIMS) if there_may_be_more else _FEWEST_CLAIMS
            return there_may_be_more

    async def _claim(self, count: int, *, quick_only: bool) -> list[Claim]:
        """So many claims at once: they share a transaction."""
        if self._draining:
            return []
        platforms = list(self._answerer.platforms)
        asked = [
            self._inbox.claim(self.name, self._limits.lease, platforms, quick_only=quick_only) for _ in range(count)
        ]
        answers = await asyncio.gather(*asked, return_exceptions=True)
        for answer in answers:
            if isinstance(answer, PlauschError):
                log.warning("nothing claimed: the database is not available", trouble=str(answer))
                break
        claims = [answer for answer in answers if answer is not None and not isinstance(answer, BaseException)]
        for answer in answers:
            if isinstance(answer, BaseException) and not isinstance(answer, PlauschError):
                await asyncio.gather(*map(self._inbox.hand_back, claims), return_exceptions=True)
                raise answer
        return claims

    def _done(self, task: asyncio.Task[None]) -> None:
        del self._under_way[task]
        with contextlib.suppress(asyncio.CancelledError):
            if error := task.exception():
                log.error("a turn ended with a fault of ours", error=repr(error), exc_info=error)


def _is_quick(claim: Claim) -> bool:
    return claim.command is not None or claim.ending is not None
