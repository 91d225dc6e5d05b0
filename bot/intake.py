"""What platforms hand in: stored first, then a worker is woken."""

from __future__ import annotations

from typing import TYPE_CHECKING

import structlog

from bot import failpoints
from conversation import commands
from conversation.errors import StoreUnavailable

if TYPE_CHECKING:
    from bot.metrics import Metrics
    from conversation.messages import Message
    from conversation.ports import Inbox, Signals
    from conversation.turns import Receipt

log = structlog.get_logger(__name__)


class StoringIntake:
    """``conversation.ports.Intake``: returns after the commit, so that whoever called may acknowledge."""

    def __init__(self, inbox: Inbox, signals: Signals, metrics: Metrics) -> None:
        self._inbox = inbox
        self._signals = signals
        self._metrics = metrics
        self.trouble: str | None = None
        """Why the newest message could not be stored: a database that can be read may still take nothing."""

    async def accept(self, message: Message) -> Receipt:
        """Store the message, and stop the answers that it asks to stop. The inbox tells when a worker may be woken."""
        failpoints.reach(failpoints.RECEIVED)
        receipt = await self._put(message)
        failpoints.reach(failpoints.STORED)
        if receipt.stopped:
            await self._signals.stop(receipt.stopped)
        self._metrics.message(message.conversation.platform, new=receipt.new)
        log.debug("message stored", platform=message.conversation.platform, new=receipt.new, turn=receipt.turn_id)
        return receipt

    async def _put(self, message: Message) -> Receipt:
        try:
            receipt = await self._inbox.put(message, commands.read(message))
        except StoreUnavailable as trouble:
            if self.trouble is None:
                log.warning("message not stored", platform=message.conversation.platform, trouble=str(trouble))
            # The platform will bring it again, and either hears the same or clears this.
            self.trouble = f"the newest message could not be stored: {trouble}"
            raise
        self.trouble = None
        return receipt

    async def unreadable(self, platform: str, workspace: str, raw: str, reason: str) -> None:
        """Keep what could not be read."""
        await self._inbox.put_unreadable(platform, workspace, raw, reason)
        self._metrics.unreadable(platform)
        log.warning("unreadable event kept", platform=platform, reason=reason)

    async def stop_answers_to(self, person: str, platform: str, workspace: str, channel: str) -> int:
        """Stop all open answers to this person in this channel."""
        turn_ids = await self._inbox.stop_answers_to(person, platform, workspace, channel)
        if turn_ids:
            await self._signals.stop(turn_ids)
            await self._signals.wake()
        return len(turn_ids)
