"""One claimed turn: from its question to its visible end."""

from __future__ import annotations

import asyncio
import contextlib
import random
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import structlog

from bot import failpoints
from bot.delivery import Delivery
from bot.lease import Lease
from bot.repeats import Repeats
from bot.told import Told
from conversation.answering import Answering
from conversation.errors import (
    LeaseLost,
    ModelServerUnavailable,
    OutcomeUnknown,
    PlatformError,
    PlatformUnreachable,
    PlauschError,
    StoreUnavailable,
    TooFast,
    Undeliverable,
)
from conversation.places import Place
from conversation.texts import texts_for
from conversation.turns import Ending, EndingKind

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping, Sequence

    from bot.acquaintance import Acquaintance
    from bot.metrics import Metrics
    from conversation.dialogue import Dialogue
    from conversation.ports import ConversationStore, Inbox, Platform, Signals
    from conversation.turns import Claim, Exchange

log = structlog.get_logger(__name__)

# A turn is parked after so many failures; each pause is longer than the one before, in seconds.
ATTEMPTS = 5
_PAUSES = (1.0, 5.0, 20.0, 60.0)
# How long a conversation rests at least where the model server can't be reached: an outage is waited out.
_OUTAGE_PAUSE = 3.0
# So much longer at most, so that not all conversations come back in the same instant.
_JITTER = 0.2
# How long the way to the model server has this process to itself before the placeholder is begun.
_HEAD_START = 0.01
# How soon what the database could not store is tried again, while the lease holds.
_STORE_PAUSE = 0.5


@dataclass(slots=True)
class _Attempt:
    """One attempt to bring a turn to its end. ``ending`` is what was decided, or may have been, now or before."""

    claim: Claim
    answering: Answering
    delivery: Delivery
    lease: Lease
    stop: asyncio.Event
    ending: Ending | None
    began: float = field(default_factory=time.monotonic)


@dataclass(frozen=True, slots=True)
class Answerer:
    """Answers claimed turns: asks the dialogue, shows what it says, commits how it ended."""

    inbox: Inbox
    store: ConversationStore
    signals: Signals
    platforms: Mapping[str, Platform]
    acquaintance: Acquaintance
    dialogue: Dialogue
    metrics: Metrics
    lease_seconds: float

    repeats: Repeats = field(default_factory=Repeats)
    """Final edits to be made once more."""
    told: Told = field(default_factory=Told)
    """Turns whose person has been told to wait."""
    under_way: dict[str, Delivery] = field(default_factory=dict)
    """How the turns that are being answered here are shown."""

    def is_visible(self, turn_id: str) -> bool:
        """Whether a person sees something of this turn's answer already, while it is being made here."""
        delivery = self.under_way.get(turn_id)
        return delivery is not None and delivery.visible

    async def answer(self, claim: Claim) -> None:
        """Bring the turn to its end, or give the conversation back. Raises nothing that a worker could mend."""
        try:
            async with self.signals.stops(claim.turn_id) as stop:
                if claim.stop_requested:
                    stop.set()
                async with Lease(self.inbox, claim, self.lease_seconds, on_stop=stop.set) as lease:
                    await self._answer(claim, lease, stop)
        except LeaseLost:
            log.warning("the conversation is not ours any more", turn=claim.turn_id)
            await self._give_back(claim)
        except StoreUnavailable as trouble:
            log.warning("the database is not available", turn=claim.turn_id, trouble=str(trouble))
            await self._give_back(claim, _OUTAGE_PAUSE)
        except asyncio.CancelledError:
            await self._give_back(claim)
            await self.signals.wake()
            raise
        await self.signals.wake()

    async def _give_back(self, claim: Claim, pause_seconds: float = 0) -> None:
        """Free the conversation, if it is still ours and the database can do it: else its lease will end."""
        with contextlib.suppress(PlauschError):
            await self.inbox.hand_back(claim, pause_seconds)

    async def _answer(self, claim: Claim, lease: Lease, stop: asyncio.Event) -> None:
        platform = self.platforms[claim.conversation.platform]
        delivery = Delivery(platform, self.inbox, claim, place_of(claim), lease)
        answering = Answering(claim, locale=claim.messages[-1].author.locale)
        attempt = _Attempt(claim, answering, delivery, lease, stop, claim.ending)
        self.under_way[claim.turn_id] = delivery
        try:
            await self._carefully(attempt, self._bring_to_its_end)
        except StoreUnavailable:
            # Nobody else knows of a message that stands and is not stored: it would be sent once more.
            await self._store(attempt, delivery.remember)
            raise
        finally:
            del self.under_way[claim.turn_id]

    async def _carefully(self, attempt: _Attempt, work: Callable[[_Attempt], Awaitable[None]]) -> None:
        """Do the work; whatever goes wrong, give the conversation back as it should be, and no earlier than that the
        last call of ours has ended.
        """
        claim, delivery = attempt.claim, attempt.delivery
        try:
            try:
                await work(attempt)
            finally:
                await delivery.aclose()
        except Undeliverable as gone:
            log.info("nobody can be reached there", turn=claim.turn_id, reason=str(gone))
            await self.inbox.undeliverable(claim, str(gone))
        except TooFast as pause:
            await self.inbox.hand_back(claim, pause.seconds)
        except (PlatformUnreachable, OutcomeUnknown) as trouble:
            log.warning("platform not available", turn=claim.turn_id, trouble=str(trouble))
            await self.inbox.hand_back(claim, delivery.rest)
        except ModelServerUnavailable as trouble:
            log.warning("model server not available", turn=claim.turn_id, trouble=str(trouble))
            await self._say_to_wait(attempt)
            await self.inbox.hand_back(claim, _outage_pause(trouble))
        except (LeaseLost, StoreUnavailable):
            raise
        except Exception as fault:
            is_ours = not isinstance(fault, PlauschError)
            log.warning(
                "attempt failed", turn=claim.turn_id, failures=claim.failures + 1, fault=repr(fault), exc_info=is_ours
            )
            await self._failed(attempt, type(fault).__name__)

    async def _bring_to_its_end(self, attempt: _Attempt) -> None:
        ending = attempt.ending
        if ending is None:
            ending = await self._ending(attempt)
            await self._decide(attempt, ending)
        await self._show(attempt, ending)

    async def _decide(self, attempt: _Attempt, ending: Ending, failure: str | None = None) -> None:
        attempt.ending = ending
        await self._store(attempt, lambda: self.inbox.decide(attempt.claim, ending, failure))
        failpoints.reach(failpoints.DECIDED)

    async def _show(self, attempt: _Attempt, ending: Ending) -> None:
        claim = attempt.claim
        await attempt.delivery.finish(ending.shown, ending.kind.value)
        greeted = claim.messages[-1].author.id if ending.lead else None
        await self._store(attempt, lambda: self.inbox.shown(claim, greeted))
        self.told.forget(claim.turn_id)
        platform, kind = claim.conversation.platform, ending.kind.value
        waited = (claim.claimed_at - claim.arrived_at).total_seconds()  # both by the database's clock
        self.metrics.ended(platform, kind, waited + time.monotonic() - attempt.began)
        if claim.took_over and claim.sends:
            patience = self.platforms[platform].capabilities.call_seconds
            self.repeats.later(attempt.delivery.repeat, attempt.began + patience - time.monotonic())
        log.info("turn shown", turn=claim.turn_id, platform=platform, ending=kind)

    async def _store(self, attempt: _Attempt, write: Callable[[], Awaitable[None]]) -> None:
        """Write once the database can, while the lease holds: what the model wrote is not thrown away for a lock."""
        while True:
            try:
                return await write()
            except StoreUnavailable as trouble:
                log.warning("not stored yet", turn=attempt.claim.turn_id, trouble=str(trouble))
            attempt.lease.check()
            await asyncio.sleep(_STORE_PAUSE)

    async def _ending(self, attempt: _Attempt) -> Ending:
        if not (attempt.claim.command or attempt.stop.is_set()):
            return await self._write(attempt)
        answering = attempt.answering
        platform = self.platforms[attempt.claim.conversation.platform]
        await self.acquaintance.introduce(answering, platform, [])
        # A command is carried out though somebody asked for a stop after it: there is nothing that it would shorten.
        return await self.dialogue.command(answering) if attempt.claim.command else answering.stopped()

    async def _write(self, attempt: _Attempt) -> Ending:
        """Let the dialogue write until it ends, somebody stops it, or it can't be shown any more."""
        writing = asyncio.create_task(self._follow(attempt))
        stopping = asyncio.create_task(attempt.stop.wait())
        losing = asyncio.create_task(attempt.lease.lost.wait())
        try:
            # The model's request leaves first: that we are at it can be shown while the model thinks.
            await asyncio.wait({writing}, timeout=_HEAD_START)
            if writing.done():
                return writing.result()
            attempt.delivery.start(attempt.answering.so_far)
            showing = attempt.delivery.writer
            under_way = [task for task in (writing, stopping, losing, showing) if task is not None]
            await asyncio.wait(under_way, return_when=asyncio.FIRST_COMPLETED)
            if writing.done():
                return writing.result()
            if showing is not None and showing.done():
                showing.result()
            attempt.lease.check()
            return attempt.answering.stopped()
        finally:
            for task in (writing, stopping, losing):
                task.cancel()
            if not writing.done():
                await asyncio.gather(writing, return_exceptions=True)

    async def _follow(self, attempt: _Attempt) -> Ending:
        answering, claim = attempt.answering, attempt.claim
        past: Sequence[Exchange] = ()
        if claim.since < claim.position:
            past = await self.store.window(claim.conversation_id, claim.since, claim.position)
        await self.acquaintance.introduce(answering, self.platforms[claim.conversation.platform], past)
        async with contextlib.aclosing(self.dialogue.answer(answering, past)) as events:
            async for event in events:
                if isinstance(event, Ending):
                    return event
                attempt.delivery.grown()
        raise RuntimeError("the dialogue ended without an ending")

    async def _say_to_wait(self, attempt: _Attempt) -> None:
        """Once for each turn; if it can't be shown, the answer will be."""
        if not attempt.answering.pieces and self.told.is_new(attempt.claim.turn_id):
            with contextlib.suppress(PlatformError):
                await attempt.delivery.show_once(texts_for(attempt.answering.locale).waiting)

    async def _failed(self, attempt: _Attempt, reason: str) -> None:
        claim = attempt.claim
        self.metrics.failed(reason)
        if claim.failures + 1 < ATTEMPTS:
            return await self.inbox.fail(claim, reason, _PAUSES[claim.failures])
        if attempt.ending is not None and attempt.ending.kind is EndingKind.PARKED:
            log.error("turn given up: not even that it is parked can be said", turn=claim.turn_id, reason=reason)
            return await self.inbox.undeliverable(claim, reason)
        log.error("turn parked", turn=claim.turn_id, reason=reason)
        return await self._carefully(attempt, lambda parked: self._park(parked, reason))

    async def _park(self, attempt: _Attempt, failure: str) -> None:
        ending = attempt.answering.parked()
        await self._decide(attempt, ending, failure)
        await self._show(attempt, ending)


def _outage_pause(trouble: ModelServerUnavailable) -> float:
    rest = max(_OUTAGE_PAUSE, trouble.rest_seconds or 0.0)
    return rest * random.uniform(1, 1 + _JITTER)  # noqa: S311 - spreads load, guards nothing


def place_of(claim: Claim) -> Place:
    """Where the answer to this turn goes."""
    newest = claim.messages[-1]
    return Place(claim.conversation, newest.native_id, newest.author.id, newest.direct, claim.turn_id)
