"""One claimed turn: from its question to its visible end."""

from __future__ import annotations

import asyncio
import contextlib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import structlog

from bot import failpoints
from bot.delivery import Delivery
from bot.lease import Lease
from conversation.answering import Answering
from conversation.errors import (
    LeaseLost,
    ModelServerOverloaded,
    ModelServerUnreachable,
    PlatformError,
    PlauschError,
    StoreUnavailable,
    TooFast,
    Undeliverable,
)
from conversation.places import Place
from conversation.texts import texts_for
from conversation.turns import Ending

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from bot.acquaintance import Acquaintance
    from conversation.dialogue import Dialogue
    from conversation.ports import ConversationStore, Inbox, Platform, Signals
    from conversation.turns import Claim, Exchange

log = structlog.get_logger(__name__)

# A turn is parked after so many failures; each pause is longer than the one before, in seconds.
ATTEMPTS = 5
_PAUSES = (1.0, 5.0, 20.0, 60.0)
# How long a conversation rests where the model server or the platform can't be reached: an outage is waited out.
_OUTAGE_PAUSE = 3.0


@dataclass(frozen=True, slots=True)
class Answerer:
    """Answers claimed turns: asks the dialogue, shows what it says, commits how it ended."""

    inbox: Inbox
    store: ConversationStore
    signals: Signals
    platforms: Mapping[str, Platform]
    acquaintance: Acquaintance
    dialogue: Dialogue
    lease_seconds: float

    told: set[str] = field(default_factory=set)
    """Turns whose person has been told to wait."""

    async def answer(self, claim: Claim) -> None:
        """Bring the turn to its end, or give the conversation back. Raises nothing that a worker could mend."""
        try:
            async with self.signals.stops(claim.turn_id) as stop:
                if claim.stop_requested:
                    stop.set()
                async with Lease(self.inbox, claim, self.lease_seconds, on_stop=stop.set) as lease:
                    await self._answer(claim, lease, stop)
        except LeaseLost:
            log.warning("another worker has the conversation now", turn=claim.turn_id)
        except StoreUnavailable as trouble:
            log.warning("the database is not available; the turn goes on after its lease", trouble=str(trouble))
        except asyncio.CancelledError:
            with contextlib.suppress(PlauschError):
                await self.inbox.hand_back(claim)
            raise
        await self.signals.wake()

    async def _answer(self, claim: Claim, lease: Lease, stop: asyncio.Event) -> None:
        answering = Answering(claim)
        delivery = Delivery(self.platforms[claim.conversation.platform], self.inbox, claim, place_of(claim), lease)
        try:
            await self._bring_to_its_end(answering, delivery, stop)
        except Undeliverable as gone:
            log.info("nobody can be reached there", turn=claim.turn_id, reason=str(gone))
            await self.inbox.undeliverable(claim, str(gone))
        except TooFast as pause:
            await self.inbox.hand_back(claim, pause.seconds)
        except PlatformError as trouble:
            log.warning("platform not available", turn=claim.turn_id, trouble=str(trouble))
            await self.inbox.hand_back(claim, _OUTAGE_PAUSE)
        except (ModelServerUnreachable, ModelServerOverloaded) as trouble:
            log.warning("model server not available", turn=claim.turn_id, trouble=str(trouble))
            await self._say_to_wait(answering, delivery)
            await self.inbox.hand_back(claim, _OUTAGE_PAUSE)
        except (LeaseLost, StoreUnavailable):
            raise
        except Exception as fault:
            is_ours = not isinstance(fault, PlauschError)
            log.warning(
                "attempt failed", turn=claim.turn_id, failures=claim.failures + 1, fault=repr(fault), exc_info=is_ours
            )
            await self._failed(answering, delivery, fault)
        finally:
            await delivery.aclose()

    async def _bring_to_its_end(self, answering: Answering, delivery: Delivery, stop: asyncio.Event) -> None:
        claim = answering.claim
        ending = claim.ending or await self._ending(answering, delivery, stop)
        if claim.ending is None:
            await self._decide(claim, ending)
        await self._show(answering, delivery, ending)

    async def _decide(self, claim: Claim, ending: Ending) -> None:
        await self.inbox.decide(claim, ending)
        failpoints.reach(failpoints.DECIDED)

    async def _show(self, answering: Answering, delivery: Delivery, ending: Ending) -> None:
        claim = answering.claim
        await delivery.finish(ending.shown)
        await self.inbox.shown(claim, claim.messages[-1].author.id if ending.lead else None)
        self.told.discard(claim.turn_id)
        log.info("turn shown", turn=claim.turn_id, platform=claim.conversation.platform, ending=ending.kind.value)

    async def _ending(self, answering: Answering, delivery: Delivery, stop: asyncio.Event) -> Ending:
        claim = answering.claim
        platform = self.platforms[claim.conversation.platform]
        if stop.is_set() or claim.command:
            await self.acquaintance.introduce(answering, platform, [])
            return answering.stopped() if stop.is_set() else await self.dialogue.command(answering)
        delivery.start(answering.so_far)
        past = await self.store.window(claim.conversation_id, claim.since, claim.position)
        await self.acquaintance.introduce(answering, platform, past)
        return await self._write(answering, past, delivery, stop)

    async def _write(
        self, answering: Answering, past: Sequence[Exchange], delivery: Delivery, stop: asyncio.Event
    ) -> Ending:
        """Let the dialogue write until it ends, somebody stops it, or it can't be shown any more."""
        writing = asyncio.create_task(self._follow(answering, past, delivery))
        stopping = asyncio.create_task(stop.wait())
        showing = delivery.writer
        try:
            under_way = [task for task in (writing, stopping, showing) if task is not None]
            await asyncio.wait(under_way, return_when=asyncio.FIRST_COMPLETED)
            if writing.done():
                return writing.result()
            if showing is not None and showing.done():
                showing.result()
            return answering.stopped()
        finally:
            for task in (writing, stopping):
                task.cancel()
            await asyncio.gather(writing, stopping, return_exceptions=True)

    async def _follow(self, answering: Answering, past: Sequence[Exchange], delivery: Delivery) -> Ending:
        async with contextlib.aclosing(self.dialogue.answer(answering, past)) as events:
            async for event in events:
                if isinstance(event, Ending):
                    return event
                delivery.grown()
        raise RuntimeError("the dialogue ended without an ending")

    async def _say_to_wait(self, answering: Answering, delivery: Delivery) -> None:
        """Once for each turn; if it can't be shown, the answer will be."""
        turn_id = answering.claim.turn_id
        if turn_id not in self.told and not answering.pieces:
            self.told.add(turn_id)
            with contextlib.suppress(PlatformError):
                await delivery.show_once(texts_for(answering.locale).waiting)

    async def _failed(self, answering: Answering, delivery: Delivery, fault: Exception) -> None:
        claim, reason = answering.claim, type(fault).__name__
        if claim.failures + 1 < ATTEMPTS:
            return await self.inbox.fail(claim, reason, _PAUSES[claim.failures])
        if claim.ending is not None:
            return await self.inbox.undeliverable(claim, reason)
        ending = answering.parked()
        await self._decide(claim, ending)
        try:
            await self._show(answering, delivery, ending)
        except PlatformError:
            await self.inbox.hand_back(claim, _OUTAGE_PAUSE)


def place_of(claim: Claim) -> Place:
    """Where the answer to this turn goes."""
    newest = claim.messages[-1]
    return Place(claim.conversation, newest.native_id, newest.author.id, newest.direct, claim.turn_id)
