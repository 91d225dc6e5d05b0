"""Long polling. An offset confirms what came before it, so the next one is asked for only after the commit.

No offset is kept between runs: a message's identity removes what comes twice, and update ids begin anew at random after
a week without updates, so that a kept offset could make the bot deaf.
"""

from __future__ import annotations

import asyncio
import logging
import time
from typing import TYPE_CHECKING, Any, TypeVar

from telegram.error import Conflict, InvalidToken

from adapters.platforms.telegram.normalise import ALLOWED_UPDATES
from adapters.platforms.telegram.transport import Cut, Flood, NotSent, ServerTrouble
from adapters.platforms.telegram.whole import whole
from conversation.errors import StoreUnavailable

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from adapters.platforms.telegram.receiving import Receiver
    from adapters.platforms.telegram.transport import Api

T = TypeVar("T")

_log = logging.getLogger(__name__)

SILENCE_SECONDS = 90.0
"""Without a ``getUpdates`` that came back for so long, the connection is made anew."""
_POLL_SECONDS = 30
_LONGEST_PAUSE = 30.0
# Where the database is away, its first good moment is not to be missed by much.
_LONGEST_STORE_PAUSE = 5.0
# Of two pollers each is shut out by the other. The one that took over from a dead one meets this once.
_LONGEST_CONFLICT_PAUSE = 5.0


class Silence(Exception):
    """``getUpdates`` did not come back."""


class Poller:
    """Asks for updates until it is cancelled, whatever happens.

    It may be cancelled at any moment: what was not confirmed comes again, to this process or another.
    """

    def __init__(  # noqa: PLR0913 -- each of them is one thing that a test sets
        self,
        api: Api,
        receiver: Receiver,
        *,
        renew: Callable[[], Awaitable[None]],
        silence_seconds: float = SILENCE_SECONDS,
        now: Callable[[], float] = time.monotonic,
        pause: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        """``renew`` makes the connection anew, which only polling uses."""
        self._api = api
        self._receiver = receiver
        self._renew = renew
        self._silence_seconds = silence_seconds
        self._now = now
        self._pause = pause
        self._failures = 0
        self._offset = 0
        self._trouble: str | None = None
        self._renewed = now()
        self.last_completed = now()
        """When the last ``getUpdates`` came back, on ``now``'s clock."""

    @property
    def trouble(self) -> str | None:
        """Why no updates come, in plain words; None while they do."""
        silent = self._now() - self.last_completed
        if silent < self._silence_seconds:
            return self._trouble
        return f"no updates for {silent:.0f} s, the connection is made anew: {self._trouble or 'nothing comes back'}"

    async def run(self) -> None:
        """Take the webhook away (keeping what waits), then poll. Ends only by cancellation."""
        while not await self._tried(self._without_webhook):
            pass
        while True:
            await self._tried(self._round)

    async def _without_webhook(self) -> None:
        await self._answered(self._api.delete_webhook(drop_pending_updates=False))

    async def _round(self) -> None:
        updates = await self._answered(self._api.updates(self._offset, _POLL_SECONDS, ALLOWED_UPDATES))
        self.last_completed = self._now()
        await self._receiver.take_all(updates)
        # Not the largest ever seen: where ids begin anew, it would confirm nothing for ever.
        self._offset = max((_number(update) + 1 for update in updates), default=self._offset) or self._offset

    async def _answered(self, call: Awaitable[T]) -> T:
        """What the call brings, within the limit: the client's own limits let an answer dribble on."""
        try:
            async with asyncio.timeout(self._silence_seconds):
                return await call
        except TimeoutError:
            raise Silence from None

    async def _tried(self, step: Callable[[], Awaitable[None]]) -> bool:
        """Do it; where it fails, say why and pause. Returns whether it worked."""
        try:
            await step()
        except Exception as error:  # noqa: BLE001 -- a loop that ends leaves the bot deaf, and nobody sees it
            self._failures += 1
            self._says(_in_words(error))
            await self._watch()
            await self._pause(self._seconds(error))
            return False
        self._failures = 0
        self._trouble = None
        return True

    async def _watch(self) -> None:
        """Make the connection anew once nothing has come back for too long, whatever the reason seems to be."""
        if self._now() - max(self.last_completed, self._renewed) < self._silence_seconds:
            return
        _log.warning("%s", self.trouble)
        self._renewed = self._now()
        await self._renew()

    def _seconds(self, error: Exception) -> float:
        growing = 2.0 ** min(self._failures - 1, 10)
        match error:
            case Silence():
                return 0.0
            case Flood(seconds=seconds):
                return seconds
            case Conflict():
                return min(growing, _LONGEST_CONFLICT_PAUSE)
            case StoreUnavailable():
                return min(growing, _LONGEST_STORE_PAUSE)
            case InvalidToken():
                # The token was taken back, or a proxy answers 404; the second one passes.
                return _LONGEST_PAUSE
            case _:
                return min(growing, _LONGEST_PAUSE)

    def _says(self, trouble: str) -> None:
        if trouble != self._trouble:
            _log.warning("no updates: %s", trouble)
        self._trouble = trouble


def _in_words(error: Exception) -> str:
    """Why nothing comes, without addresses, which hold the token."""
    match error:
        case Silence():
            words = "nothing comes back"
        case Flood(seconds=seconds):
            words = f"429: Telegram wants a pause of {seconds:g} s"
        case Conflict():
            words = "409: another process polls with this token, or a webhook is set"
        case InvalidToken():
            words = "401: Telegram refuses the token"
        case StoreUnavailable():
            words = "what came can't be stored: the database is away"
        case NotSent():
            words = "Telegram can't be reached"
        case ServerTrouble():
            words = f"Telegram has trouble: {error}"
        case Cut():
            words = "the connection to Telegram was cut"
        case _:
            words = f"it failed ({type(error).__name__})"
    return words


def _number(update: Any) -> int:
    number = whole(update.get("update_id")) if isinstance(update, dict) else None
    return -1 if number is None else number
