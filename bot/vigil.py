"""Looks at the whole service every few seconds, so that no chat falls silent without anybody knowing."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import structlog

from conversation.errors import PlauschError

if TYPE_CHECKING:
    from bot.readiness import Readiness
    from conversation.ports import Inbox
    from conversation.turns import Backlog

log = structlog.get_logger(__name__)

LOOK_SECONDS = 5.0


class Vigil:
    """Knows the backlog, says in the log what gets into trouble and when that is over."""

    def __init__(self, inbox: Inbox, readiness: Readiness, oldest_seconds: float) -> None:
        self._inbox = inbox
        self._readiness = readiness
        self._said: dict[str, str] = {}
        self.backlog: Backlog | None = None
        """As it was at the last look; None while the database can't tell."""
        readiness.watch("oldest turn", lambda: too_old(self.backlog, oldest_seconds))

    async def run(self) -> None:
        """Look until cancelled. What is only starting is no trouble yet, so the first look comes after a while."""
        while True:
            await asyncio.sleep(LOOK_SECONDS)
            await self.look()

    async def look(self) -> None:
        """Ask the database, and compare what is wrong with what was wrong before."""
        away: dict[str, str] = {}
        try:
            self.backlog = await self._inbox.backlog()
            self._readiness.waiting_for.pop("database", None)
        except PlauschError as trouble:
            self.backlog = None
            away = {"database": str(trouble)}
            self._readiness.waiting_for |= away
        # What else is waited for, whoever waits says.
        self._say(away | self._readiness.troubles)

    def _say(self, troubles: dict[str, str]) -> None:
        for part in troubles.keys() - self._said.keys():
            log.warning("trouble", part=part, trouble=troubles[part])
        for part in self._said.keys() - troubles.keys():
            log.info("trouble is over", part=part)
        self._said = troubles


def too_old(backlog: Backlog | None, limit_seconds: float) -> str | None:
    """What to say where the oldest turn has waited for longer than the limit."""
    if backlog is None or backlog.oldest_seconds <= limit_seconds:
        return None
    waits = f"the oldest of {backlog.open} open turns has waited for {backlog.oldest_seconds:.0f} s"
    return f"{waits} (limit: {limit_seconds:g} s)"
