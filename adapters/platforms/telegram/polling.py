"""Long polling. An offset confirms what came before it, so the next one is asked for only after the commit.

No offset is kept between runs: a message's identity removes what comes twice, and update ids begin anew at random after
a week without updates, so that a kept offset could make the bot deaf.
"""

from __future__ import annotations

import asyncio
import logging
import time
from typing import TYPE_CHECKING, Any

from telegram.error import Conflict, InvalidToken

from adapters.platforms.telegram.normalise import ALLOWED_UPDATES
from adapters.platforms.telegram.transport import Flood
from adapters.platforms.telegram.whole import whole

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from adapters.platforms.telegram.receiving import Receiver
    from adapters.platforms.telegram.transport import Api

_log = logging.getLogger(__name__)

_POLL_SECONDS = 30
_LONGEST_PAUSE = 30.0
# A second poller is shut out for some seconds, and so are we.
_CONFLICT_SECONDS = 5.0


class Poller:
    """Asks for updates until it is cancelled, whatever happens."""

    def __init__(
        self,
        api: Api,
        receiver: Receiver,
        *,
        now: Callable[[], float] = time.monotonic,
        pause: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._api = api
        self._receiver = receiver
        self._now = now
        self._pause = pause
        self._failures = 0
        self._offset = 0
        self.trouble: str | None = None
        """Why no updates come, None while they do."""
        self.last_completed = now()
        """When the last ``getUpdates`` came back, on ``now``'s clock: older than 90 s, something hangs."""

    async def run(self) -> None:
        """Take the webhook away (keeping what waits), then poll. Ends only by cancellation."""
        while not await self._tried(self._without_webhook):
            pass
        while True:
            await self._tried(self._round)

    async def _without_webhook(self) -> None:
        await self._api.delete_webhook(drop_pending_updates=False)

    async def _round(self) -> None:
        updates = await self._api.updates(self._offset, _POLL_SECONDS, ALLOWED_UPDATES)
        self.last_completed = self._now()
        await self._receiver.take_all(updates)
        # Not the largest ever seen: where ids begin anew, it would confirm nothing for ever.
        self._offset = max((_number(update) + 1 for update in updates), default=self._offset) or self._offset

    async def _tried(self, step: Callable[[], Awaitable[None]]) -> bool:
        """Do it; where it fails, say why and pause. Returns whether it worked."""
        try:
            await step()
        except Exception as error:  # noqa: BLE001 -- a loop that ends leaves the bot deaf, and nobody sees it
            self._failures += 1
            self._says(type(error).__name__)
            await self._pause(self._seconds(error))
            return False
        self._failures = 0
        self.trouble = None
        return True

    def _seconds(self, error: Exception) -> float:
        match error:
            case Flood(seconds=seconds):
                return seconds
            case Conflict():
                return _CONFLICT_SECONDS
            case InvalidToken():
                # The token was taken back, or a proxy answers 404; the second one passes.
                return _LONGEST_PAUSE
            case _:
                return min(2.0 ** (self._failures - 1), _LONGEST_PAUSE)

    def _says(self, trouble: str) -> None:
        if trouble != self.trouble:
            _log.warning("no updates: %s", trouble)
        self.trouble = trouble


def _number(update: Any) -> int:
    number = whole(update.get("update_id")) if isinstance(update, dict) else None
    return -1 if number is None else number
