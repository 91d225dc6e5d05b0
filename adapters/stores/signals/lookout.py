"""While signals may be lost, the store is looked at instead: every second, for all that is of interest here."""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING

from conversation.errors import PlauschError

if TYPE_CHECKING:
    from collections.abc import Callable

    from adapters.stores.memory import InProcessSignals
    from adapters.stores.signals.live import Live
    from adapters.stores.signals.ways import Truth

LOOK_SECONDS = 1.0
UNNOTICED_SECONDS = 30.0
"""For longer nobody listens to a dead connection without knowing it; commits and their order are covered too."""
_log = logging.getLogger(__name__)


class Lookout:
    """Hands the stops of turns that are written here, and the endings of conversations that are watched here.

    ``is_deaf`` tells whether signals may be lost now.
    """

    def __init__(self, store: Truth, here: InProcessSignals, live: Live, is_deaf: Callable[[], bool]) -> None:
        self._store = store
        self._here = here
        self._live = live
        self._is_deaf = is_deaf
        self._due = asyncio.Event()
        self._looked_at: float | None = None
        """When the store was last seen, while signals may be lost."""

    def look(self) -> None:
        """Look soon: something may have been missed, or may be from now on."""
        self._due.set()

    async def run(self) -> None:
        """Look when it is due, for good."""
        while True:
            await self._due.wait()
            self._due.clear()
            try:
                await self._look()
            except PlauschError as trouble:
                _log.debug("the store was not seen: %s", type(trouble).__name__)
                self._due.set()
            if self._is_deaf() or self._due.is_set():
                self._due.set()
                await asyncio.sleep(LOOK_SECONDS)

    async def _look(self) -> None:
        now = asyncio.get_running_loop().time()
        if self._looked_at is None:
            self._looked_at = now
        if written := self._here.written():
            await self._here.stop(await self._store.stopped(written))
        if watched := self._live.watched():
            endings = await self._store.endings(watched, now - self._looked_at + UNNOTICED_SECONDS)
            answered_at = asyncio.get_running_loop().time()
            for ended in endings:
                self._live.hand_ending(ended.conversation, ended.frame, answered_at - ended.seconds_ago)
        self._looked_at = now if self._is_deaf() else None
