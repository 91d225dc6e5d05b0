"""One answer on its way into one place. One writer task for each; the newest text wins; the platform sets the pace."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from bot import failpoints
from conversation.errors import MessageGone, OutcomeUnknown, PlatformUnreachable, TooFast

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from bot.lease import Lease
    from conversation.places import Place
    from conversation.ports import Inbox, Platform
    from conversation.turns import Claim

# How often a call that the platform could not carry out is tried again before the conversation is handed back.
_TRIES = 4
# Longer pauses than this are not waited for while the conversation is held: it is handed back instead.
_LONGEST_PAUSE = 60.0


class Delivery:
    """Shows one turn's answer: a placeholder at once, paced edits, the final text.

    Each part of the answer is one message; its send is stored before and after the call, so that a successor finds it.
    """

    def __init__(self, platform: Platform, inbox: Inbox, claim: Claim, place: Place, lease: Lease) -> None:
        self._platform = platform
        self._inbox = inbox
        self._claim = claim
        self._place = place
        self._lease = lease
        self._message_ids = {send.part: send.message_id for send in claim.sends if send.message_id}
        self._doubtful = {send.part: send.id for send in claim.sends if not send.message_id}
        self._standing: dict[int, object] = {}
        self._text: Callable[[], str] = str
        self._changed = asyncio.Event()
        # Held while the platform is called: a call is never cancelled, since its outcome would be unknown then.
        self._calling = asyncio.Lock()
        self._typing: asyncio.Task[None] | None = None
        self.writer: asyncio.Task[None] | None = None
        """Ends only with an error: ``LeaseLost``, ``Undeliverable`` or a fault."""

    def start(self, text: Callable[[], str]) -> None:
        """Begin to show ``text()`` as it grows; call ``grown`` when there is more."""
        self._text = text
        self._typing = asyncio.create_task(self._platform.typing(self._place))
        self.writer = asyncio.create_task(self._write())

    def grown(self) -> None:
        """There is more to show."""
        self._changed.set()

    async def aclose(self) -> None:
        """Stop writing, when the call under way has ended."""
        if self.writer is None or self._typing is None:
            return
        async with self._calling:
            self.writer.cancel()
        await asyncio.gather(self.writer, self._typing, return_exceptions=True)

    async def show_once(self, markdown: str) -> None:
        """Show a passing notice in the answer's place."""
        await self.aclose()
        await self._platform.pace(self._place, last=False)
        await self._edit(0, self._platform.parts(markdown)[0], last=False)

    async def finish(self, markdown: str) -> None:
        """Show the ending, part by part; what stands already is only confirmed.

        Raises ``PlatformError`` where it can't be shown now (or ever: ``Undeliverable``), and ``LeaseLost``.
        """
        await self.aclose()
        parts = self._platform.parts(markdown)
        for number, part in enumerate(parts):
            await self._put_last(number, part)
        for number in sorted(self._message_ids):
            if number >= len(parts):
                await self._remove(self._message_ids[number])
        failpoints.reach(failpoints.SHOWN)

    async def _write(self) -> None:
        while True:
            try:
                async with self._calling:
                    await self._show_newest()
            except TooFast as pause:
                await asyncio.sleep(min(pause.seconds, _LONGEST_PAUSE))
                continue
            except (PlatformUnreachable, MessageGone):
                await asyncio.sleep(1)
                continue
            await self._changed.wait()
            await self._platform.pace(self._place, last=False)
            self._changed.clear()

    async def _show_newest(self) -> None:
        await self._message(0)
        if not (markdown := self._text()):
            return
        for number, part in enumerate(self._platform.parts(markdown)):
            if self._standing.get(number) != part:
                await self._edit(number, part, last=False)
                self._standing[number] = part

    async def _put_last(self, number: int, part: object) -> None:
        await self._insist(lambda: self._edit(number, part, last=True))

    async def _remove(self, message_id: str) -> None:
        await self._insist(lambda: self._platform.remove(self._place, message_id))

    async def _edit(self, number: int, part: object, *, last: bool) -> None:
        message_id = await self._message(number)
        self._lease.check()
        try:
            await self._platform.edit(self._place, message_id, part, last=last)
        except MessageGone:
            # Somebody deleted it: the answer is shown all the same, in a new message.
            self._message_ids.pop(number, None)
            raise

    async def _insist(self, call: Callable[[], Awaitable[None]]) -> None:
        """Repeat a call that may be repeated until it is carried out, at the platform's pace."""
        for attempt in range(_TRIES):
            await self._platform.pace(self._place, last=True)
            self._lease.check()
            try:
                return await call()
            except TooFast as pause:
                if pause.seconds > _LONGEST_PAUSE:
                    raise
                await asyncio.sleep(pause.seconds)
            except MessageGone:
                continue
            except PlatformUnreachable:
                if attempt == _TRIES - 1:
                    raise
                await asyncio.sleep(0.2 * 4**attempt)
        raise PlatformUnreachable("it asked for one pause after another")

    async def _message(self, number: int) -> str:
        """The id of the message for this part; sends a placeholder where there is none yet."""
        if number in self._message_ids:
            return self._message_ids[number]
        if not self._platform.capabilities.durable_sends:
            self._message_ids[number] = await self._platform.begin(self._place, "")
            return self._message_ids[number]
        return await self._found(number) or await self._send(number)

    async def _send(self, number: int) -> str:
        self._lease.check()
        send_id = await self._inbox.sending(self._claim, number)
        self._lease.check()
        try:
            message_id = await self._platform.begin(self._place, send_id)
        except OutcomeUnknown:
            self._doubtful[number] = send_id
            await self._inbox.sent(self._claim, send_id, "")
            raise PlatformUnreachable("a send was cut off") from None
        failpoints.reach(failpoints.SENT)
        await self._keep(number, send_id, message_id)
        failpoints.reach(failpoints.PLACEHOLDER)
        return message_id

    async def _found(self, number: int) -> str | None:
        """What an earlier send of this part left behind, if its outcome is unknown and the platform can tell."""
        send_id = self._doubtful.get(number)
        if send_id is None or not self._platform.capabilities.can_find:
            return None
        self._lease.check()
        message_id = await self._platform.find(self._place, send_id)
        if message_id:
            await self._keep(number, send_id, message_id)
        return message_id

    async def _keep(self, number: int, send_id: str, message_id: str) -> None:
        self._message_ids[number] = message_id
        self._doubtful.pop(number, None)
        await self._inbox.sent(self._claim, send_id, message_id)
