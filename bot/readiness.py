"""What keeps the service from answering, if anything."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import structlog

from conversation.errors import PlauschError, SettingWrong

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

log = structlog.get_logger(__name__)
_FIRST_PAUSE, _LONGEST_PAUSE = 0.5, 15.0


class Readiness:
    """Parts that are not ready, so that nothing can be taken, and parts in trouble, without which it is slower."""

    def __init__(self) -> None:
        self.waiting_for: dict[str, str] = {}
        """One line for each part that is not ready; empty where all is well."""
        self._watched: dict[str, Callable[[], str | None]] = {}

    def watch(self, part: str, trouble: Callable[[], str | None]) -> None:
        """Ask ``trouble`` for what is wrong with a part, whenever somebody wants to know."""
        self._watched[part] = trouble

    @property
    def troubles(self) -> dict[str, str]:
        """One line for each part in trouble. Messages are taken all the same, and answered when it is over."""
        found = {part: trouble() for part, trouble in self._watched.items()}
        return {part: trouble for part, trouble in found.items() if trouble}

    async def wait_for(self, part: str, reach: Callable[[], Awaitable[object]]) -> None:
        """Repeat ``reach`` with growing pauses until it works. A wrong setting is not waited for: ``SettingWrong``."""
        pause = _FIRST_PAUSE
        self.waiting_for[part] = "not reached yet"
        while True:
            try:
                await reach()
            except SettingWrong:
                raise
            except (PlauschError, OSError) as trouble:
                if self.waiting_for[part] != str(trouble):
                    log.warning("waiting", part=part, trouble=str(trouble))
                self.waiting_for[part] = str(trouble)
                await asyncio.sleep(pause)
                pause = min(pause * 2, _LONGEST_PAUSE)
            else:
                break
        del self.waiting_for[part]
        log.info("ready", part=part)
