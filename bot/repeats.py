"""Final edits that are made once more, since a call of a worker that was given up may land after them (I6)."""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING

import structlog

from conversation.errors import PlatformError

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

log = structlog.get_logger(__name__)

PATIENCE_SECONDS = 5.0
"""How long the end of the process waits for them: a platform may want a pause of hours."""


class Repeats:
    """Each edit waits by itself, so that no conversation does; what still waits at the end is made at once."""

    def __init__(self) -> None:
        self._closing = asyncio.Event()
        self._waiting: set[asyncio.Task[None]] = set()

    def later(self, edit: Callable[[], Awaitable[None]], seconds: float) -> None:
        """Make the edit after so many seconds, when a call that was under way can't land any more."""
        task = asyncio.create_task(self._make(edit, seconds))
        self._waiting.add(task)
        task.add_done_callback(self._waiting.discard)

    async def aclose(self) -> None:
        """Make at once what still waits, as far as that takes no longer than ``PATIENCE_SECONDS``."""
        self._closing.set()
        if not self._waiting:
            return
        _, late = await asyncio.wait(self._waiting, timeout=PATIENCE_SECONDS)
        for task in late:
            task.cancel()
        await asyncio.gather(*late, return_exceptions=True)

    async def _make(self, edit: Callable[[], Awaitable[None]], seconds: float) -> None:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._closing.wait()
        try:
            await edit()
        except PlatformError as trouble:
            log.warning("a final edit could not be repeated", trouble=str(trouble))
        except Exception as fault:
            log.exception("a final edit could not be repeated: a fault of ours", fault=repr(fault))
