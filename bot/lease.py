"""The right to answer one conversation, kept alive while the answer is being made."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING, Self

import structlog

from conversation.errors import LeaseLost, PlauschError

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import TracebackType

    from conversation.ports import Inbox
    from conversation.turns import Claim

log = structlog.get_logger(__name__)


class Lease:
    """Renews a claim every third of its time while the context is open, and knows when it may be too late.

    ``on_stop`` is called where the store says that somebody asked for a stop (a signal may have been lost).
    """

    def __init__(self, inbox: Inbox, claim: Claim, seconds: float, on_stop: Callable[[], None]) -> None:
        self._inbox = inbox
        self._claim = claim
        self._seconds = seconds
        self._on_stop = on_stop
        # Counted from before the claim was asked for, this would be exact; the margin of a tenth covers the difference.
        self._ends = time.monotonic() + seconds * 0.9
        self.lost = asyncio.Event()
        """Set once another worker is known to have the conversation."""
        self._renewal: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        """Begin to renew."""
        self._renewal = asyncio.create_task(self._renew())
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop renewing. The lease itself is given back by how the turn ends."""
        if self._renewal is not None:
            self._renewal.cancel()
            await asyncio.gather(self._renewal, return_exceptions=True)

    def check(self) -> None:
        """Look at the lease, as before each call of a platform. Raises ``LeaseLost``."""
        if self.lost.is_set() or time.monotonic() > self._ends:
            raise LeaseLost("the lease ran out before it was renewed")

    async def _renew(self) -> None:
        while True:
            await asyncio.sleep(self._seconds / 3)
            began = time.monotonic()
            try:
                stop_requested = await self._inbox.renew(self._claim, self._seconds)
            except LeaseLost:
                self.lost.set()
                return
            except PlauschError as trouble:
                log.warning("lease not renewed", turn=self._claim.turn_id, trouble=str(trouble))
                continue
            self._ends = began + self._seconds * 0.9
            if stop_requested:
                self._on_stop()
