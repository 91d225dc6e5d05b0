"""What one of many processes does, and the next one soon after its end."""

from __future__ import annotations

import asyncio
import contextlib
import time
from typing import TYPE_CHECKING

import structlog

from conversation.errors import PlauschError

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from adapters.stores.sql.duties import SqlDuties

log = structlog.get_logger(__name__)

HELD_SECONDS = 15.0
"""A process that dies is replaced within this time."""


class Duty:
    """Holds a duty while it works, and does not work while another holds it."""

    def __init__(self, duties: SqlDuties, name: str, holder: str, seconds: float = HELD_SECONDS) -> None:
        self._duties = duties
        self._name = name
        self._holder = holder
        self._seconds = seconds
        self._ends = 0.0

    async def run(self, work: Callable[[], Awaitable[None]]) -> None:
        """Do the work whenever the duty is ours. Ends by cancellation, or as ``work`` ends."""
        try:
            while True:
                if await self._held():
                    log.info("duty taken", duty=self._name)
                    if await self._while_held(work):
                        return
                    log.warning("duty lost", duty=self._name)
                await asyncio.sleep(self._seconds / 3)
        finally:
            with contextlib.suppress(PlauschError):
                await self._duties.let_go(self._name, self._holder)

    async def _while_held(self, work: Callable[[], Awaitable[None]]) -> bool:
        """Whether the work ended by itself, before the duty was lost."""
        working = asyncio.ensure_future(work())
        try:
            while not working.done():
                await asyncio.wait({working}, timeout=self._seconds / 3)
                if not working.done() and not await self._held():
                    return False
            working.result()
            return True
        finally:
            working.cancel()
            await asyncio.gather(working, return_exceptions=True)

    async def _held(self) -> bool:
        """Take or renew it. Where the database can't tell, it is ours until its time may be over."""
        began = time.monotonic()
        try:
            async with asyncio.timeout(self._seconds / 3):
                held = await self._duties.hold(self._name, self._holder, self._seconds)
        except (PlauschError, TimeoutError):
            return time.monotonic() < self._ends
        self._ends = began + self._seconds * 0.6 if held else 0.0
        return held
