"""One answer on its way into one place. One writer task for each; the newest text wins; the platform sets the pace."""

from __future__ import annotations

import asyncio
import contextlib
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

import structlog

from bot import failpoints
from bot.sends import Sends
from conversation.errors import (
    MessageGone,
    OutcomeUnknown,
    PlatformError,
    PlatformUnreachable,
    StoreUnavailable,
    TooFast,
)

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

    from bot.lease import Lease
    from conversation.places import Place
    from conversation.ports import Inbox, Platform
    from conversation.turns import Claim

log = structlog.get_logger(__name__)

# How often a call that the platform could not carry out is tried again before the conversation is handed back.
_TRIES = 4
_FIRST_RETRY = 0.2
# Longer pauses than this are not waited for while the conversation is held: it is handed back instead.
_LONGEST_PAUSE = 60.0
# Nor is a place in the platform's queue: 60 answers that end at once take Slack three minutes.
_LONGEST_QUEUE = 300.0
# How long the writer waits after trouble: this at first, twice as long each time.
_FIRST_PAUSE, _LONGEST_WRITERS_PAUSE = 1.0, 30.0
# How long a conversation rests where the platform can't be reached: this at first, and longer where sends came to
# nothing; longest where each try may have left a placeholder behind that nobody can find.
_REST, _LONGEST_REST, _LONGEST_REST_IN_DOUBT = 3.0, 60.0, 600.0
# What is only in passing is not waited for: a notice's place in the queue, a typing sign's call.
_PATIENCE = 2.0


class Delivery:
    """Shows one turn's answer: a placeholder at once, paced edits, the final text."""

    def __init__(self, platform: Platform, inbox: Inbox, claim: Claim, place: Place, lease: Lease) -> None:
        self._platform = platform
        self._place = place
        self._lease = lease
        self._sends = Sends(platform, inbox, claim, place, lease)
        self._standing: dict[int, object] = {}
        self._final: Sequence[object] = ()
        self._text: Callable[[], str] = str
        self._has_more = False
        # What the writer waits for while there is nothing to show: an Event costs twice as much for each token.
        self._more: asyncio.Future[None] | None = None
        # Not set while the platform is called: a call is never cancelled, since its outcome would be unknown then.
        self._idle = asyncio.Event()
        self._idle.set()
        self._typing: asyncio.Task[None] | None = None
        self.writer: asyncio.Task[None] | None = None
        """Ends only with an error: ``LeaseLost``, ``Undeliverable`` or a fault."""

    @property
    def visible(self) -> bool:
        """Whether a person sees something of the answer, or is about to."""
        return self._sends.visible

    @property
    def rest(self) -> float:
        """How many seconds the conversation rests where the platform can't be reached now."""
        if self._sends.unknown:
            return min(_REST * 2.0**self._sends.unknown, _LONGEST_REST_IN_DOUBT)
        return min(_REST * 2.0**self._sends.in_vain, _LONGEST_REST)

    def start(self, text: Callable[[], str]) -> None:
        """Begin to show ``text()`` as it grows; call ``grown`` when there is more."""
        self._text = text
        self._typing = asyncio.create_task(self._platform.typing(self._place))
        self.writer = asyncio.create_task(self._write())

    def grown(self) -> None:
        """There is more to show."""
        self._has_more = True
        if self._more is not None and not self._more.done():
            self._more.set_result(None)

    async def aclose(self) -> None:
        """Stop writing, when the call under way has ended."""
        if self.writer is None or self._typing is None:
            return
        self._has_more = False  # so that no further call follows the one under way
        while not self._idle.is_set():
            await self._idle.wait()
        self.writer.cancel()
        await asyncio.wait({self._typing}, timeout=_PATIENCE)
        self._typing.cancel()
        await asyncio.gather(self.writer, self._typing, return_exceptions=True)

    async def remember(self) -> None:
        """Store which messages stand, as far as the database could not take it before. Raises ``StoreUnavailable``."""
        await self._sends.save()

    async def show_once(self, markdown: str) -> None:
        """Show a passing notice in the answer's place, unless that takes long. Raises as ``finish`` does."""
        await self.aclose()
        try:
            async with asyncio.timeout(_PATIENCE):
                await self._platform.pace(self._place, last=False)
        except TimeoutError:
            return
        await self._edit(0, self._platform.parts(markdown)[0], last=False)

    async def finish(self, markdown: str, kind: str = "") -> None:
        """Show the ending of this kind, part by part; what stands already is only confirmed.

        Raises ``PlatformError`` where it can't be shown now (or ever: ``Undeliverable``), and ``LeaseLost``.
        """
        await self.aclose()
        self._place = replace(self._place, ending=kind)
        self._final = self._platform.parts(markdown)
        for number, part in enumerate(self._final):
            await self._put_last(number, part)
        for number in self._sends.beyond(len(self._final)):
            await self._remove(partial(self._take_back, number))
        if self._sends.in_doubt:
            await self._remove(self._take_strays_back)
        failpoints.reach(failpoints.SHOWN)

    async def repeat(self) -> None:
        """Write the ending's parts once more into the messages that hold them. Raises ``PlatformError``.

        The turn is over, and its messages are no other turn's: this needs no lease.
        """
        for number, part in enumerate(self._final):
            if message_id := self._sends.standing(number):
                await self._platform.pace(self._place, last=True)
                with contextlib.suppress(MessageGone):
                    await self._platform.edit(self._place, message_id, part, last=True)

    async def _write(self) -> None:
        loop = asyncio.get_running_loop()
        pause = _FIRST_PAUSE
        while True:
            try:
                self._idle.clear()
                try:
                    await self._show_newest()
                finally:
                    self._idle.set()
            except TooFast as too_fast:
                await asyncio.sleep(min(too_fast.seconds, _LONGEST_PAUSE))
            except (PlatformUnreachable, OutcomeUnknown, MessageGone, StoreUnavailable):
                await asyncio.sleep(pause)
                pause = min(pause * 2, _LONGEST_WRITERS_PAUSE)
            else:
                pause = _FIRST_PAUSE
                if not self._has_more:
                    self._more = loop.create_future()
                    await self._more
                await self._platform.pace(self._place, last=False)
                self._has_more = False

    async def _show_newest(self) -> None:
        if not (markdown := self._text()):
            await self._sends.message(0)
            return
        for number, part in enumerate(self._platform.parts(markdown)):
            if self._standing.get(number) != part:
                await self._edit(number, part, last=False)
                self._standing[number] = part

    async def _put_last(self, number: int, part: object) -> None:
        await self._insist(lambda: self._edit(number, part, last=True))

    async def _remove(self, call: Callable[[], Awaitable[None]]) -> None:
        """Take back what the final text does not need; the answer is shown, whatever becomes of it."""
        try:
            await self._insist(call)
        except (TooFast, PlatformUnreachable):
            raise
        except PlatformError as refusal:
            log.warning("a message could not be taken back", turn=self._place.turn_id, refusal=str(refusal))

    async def _take_back(self, number: int) -> None:
        message_id = await self._sends.find(number)
        if message_id is not None:
            await self._gone(message_id)

    async def _take_strays_back(self) -> None:
        async for message_id in self._sends.strays():
            await self._gone(message_id)

    async def _gone(self, message_id: str) -> None:
        self._lease.check()
        with contextlib.suppress(MessageGone):
            await self._platform.remove(self._place, message_id)

    async def _edit(self, number: int, part: object, *, last: bool) -> None:
        message_id = await self._sends.message(number)
        self._lease.check()
        try:
            await self._platform.edit(self._place, message_id, part, last=last)
        except MessageGone:
            self._sends.gone(number)
            raise

    async def _insist(self, call: Callable[[], Awaitable[None]]) -> None:
        """Repeat a call that may be repeated until it is carried out, at the platform's pace."""
        for attempt in range(_TRIES):
            await self._pace_last()
            self._lease.check()
            try:
                return await call()
            except TooFast as pause:
                if pause.seconds > _LONGEST_PAUSE:
                    raise
                await asyncio.sleep(pause.seconds)
            except MessageGone:
                continue
            except (PlatformUnreachable, OutcomeUnknown, StoreUnavailable) as trouble:
                if attempt == _TRIES - 1 or not self._may_try_again(trouble):
                    raise
                await asyncio.sleep(_FIRST_RETRY * 4**attempt)
        raise PlatformUnreachable("it asked for one pause after another")

    def _may_try_again(self, trouble: Exception) -> bool:
        """Each try leaves a placeholder behind where sends are carried out, cut, and can't be found."""
        return not isinstance(trouble, OutcomeUnknown) or self._platform.capabilities.can_find

    async def _pace_last(self) -> None:
        try:
            async with asyncio.timeout(_LONGEST_QUEUE):
                await self._platform.pace(self._place, last=True)
        except TimeoutError:
            raise TooFast(_LONGEST_PAUSE) from None
