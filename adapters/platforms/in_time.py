"""An intake that answers in time, whatever the database does."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, TypeVar

from conversation.errors import StoreUnavailable

if TYPE_CHECKING:
    from collections.abc import Awaitable

    from conversation.messages import Message
    from conversation.ports import Intake
    from conversation.turns import Receipt


T = TypeVar("T")


class InTime:
    """``Intake`` in front of another: what is not stored after ``seconds`` counts as not stored.

    A database that swallows everything lets a driver wait longer than a platform does. What is stored late all the same
    is harmless: the platform sends it again, and it is known by its identity then.
    """

    def __init__(self, intake: Intake, seconds: float) -> None:
        self._intake = intake
        self._seconds = seconds

    async def accept(self, message: Message) -> Receipt:
        """See the port."""
        return await self._in_time(self._intake.accept(message))

    async def unreadable(self, platform: str, workspace: str, raw: str, reason: str) -> None:
        """See the port."""
        await self._in_time(self._intake.unreadable(platform, workspace, raw, reason))

    async def stop_answers_to(self, person: str, platform: str, workspace: str, channel: str) -> int:
        """See the port."""
        return await self._in_time(self._intake.stop_answers_to(person, platform, workspace, channel))

    async def _in_time(self, storing: Awaitable[T]) -> T:
        try:
            async with asyncio.timeout(self._seconds):
                return await storing
        except TimeoutError:
            raise StoreUnavailable(f"not stored within {self._seconds:g} s") from None
