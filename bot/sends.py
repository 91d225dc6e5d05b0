"""The messages that one answer is made of: which stand, which may stand, and how a new one is begun."""

from __future__ import annotations

import asyncio
from collections import Counter, defaultdict
from typing import TYPE_CHECKING, TypeVar

from bot import failpoints
from conversation.errors import OutcomeUnknown, PlatformError, Undeliverable

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Coroutine

    from bot.lease import Lease
    from conversation.places import Place
    from conversation.ports import Inbox, Platform
    from conversation.turns import Claim

T = TypeVar("T")

# How many sends in doubt are looked for in the end: each costs a reading of the thread, and an outage makes many.
_MOST_STRAYS = 3
# How many messages are sent for one part where each is deleted as soon as it stands.
_MOST_FOR_A_PART = 4


class Sends:
    """One message for each part. Its send is stored before and after the call, so that a successor finds it."""

    def __init__(self, platform: Platform, inbox: Inbox, claim: Claim, place: Place, lease: Lease) -> None:
        self._platform = platform
        self._inbox = inbox
        self._claim = claim
        self._place = place
        self._lease = lease
        self._ids = {send.part: send.message_id for send in claim.sends if send.message_id}
        self._sent = Counter(send.part for send in claim.sends if send.message_id)
        self._doubtful: defaultdict[int, list[str]] = defaultdict(list)
        """Sends that may have been carried out, oldest first."""
        for send in claim.sends:
            if not send.message_id:
                self._doubtful[send.part].append(send.id)
        self._refused: dict[int, str] = {}
        """Sends that were not carried out, so that nothing stands under their ids: they are tried again."""
        self._unsaved: dict[int, str] = {}
        """Sends whose messages stand, and whose ids could not be stored yet."""
        self._beginning = False
        self.unknown = sum(send.state == "unknown" for send in claim.sends)
        """How many sends of this turn have an outcome that nobody knows."""
        self.in_vain = sum(not send.message_id for send in claim.sends)
        """How many sends of earlier attempts came to nothing, as far as anybody knows."""

    @property
    def visible(self) -> bool:
        """Whether a person sees something of the answer, or is about to."""
        return self._beginning or bool(self._ids)

    async def message(self, part: int) -> str:
        """The id of the message for this part; sends a placeholder where there is none yet.

        Raises what ``Platform.begin`` and ``Inbox.sending`` raise. After ``OutcomeUnknown`` the next call looks first.
        """
        if part not in self._ids and await self.find(part) is None:
            await self._begin(part)
        if part in self._unsaved:
            await self._save(part)
        return self._ids[part]

    async def find(self, part: int) -> str | None:
        """The message that stands for this part, or that an earlier send may have left behind."""
        if part in self._ids or not self._platform.capabilities.can_find:
            return self._ids.get(part)
        for send_id in self._doubtful[part][-1:]:
            if message_id := await self._looked_for(send_id):
                self._doubtful[part].remove(send_id)
                await self._keep(part, send_id, message_id)
                return message_id
        return None

    @property
    def in_doubt(self) -> bool:
        """Whether messages may stand, or come to stand, that belong to no part."""
        return self._platform.capabilities.can_find and any(self._doubtful.values())

    async def strays(self) -> AsyncIterator[str]:
        """Messages of sends that were not there yet when they were looked for: such a call is carried out late."""
        doubtful = [(part, send_id) for part, send_ids in self._doubtful.items() for send_id in send_ids]
        for part, send_id in doubtful[-_MOST_STRAYS:]:
            if message_id := await self._looked_for(send_id):
                yield message_id
            self._doubtful[part].remove(send_id)
        self._doubtful.clear()

    async def _looked_for(self, send_id: str) -> str | None:
        self._lease.check()
        message_id = await self._platform.find(self._place, send_id)
        # Where a platform can only tell that something stands there, it is not to be taken for two parts.
        return None if message_id in self._ids.values() else message_id

    def standing(self, part: int) -> str | None:
        """The id of the message that is known to stand for this part."""
        return self._ids.get(part)

    def gone(self, part: int) -> None:
        """Somebody deleted the message: the part is shown all the same, in a new one."""
        self._ids.pop(part, None)

    def beyond(self, count: int) -> list[int]:
        """The parts from this one on for which something stands, or may stand."""
        doubtful = {part for part, send_ids in self._doubtful.items() if send_ids}
        return sorted(part for part in {*self._ids} | doubtful if part >= count)

    async def _begin(self, part: int) -> None:
        if not self._platform.capabilities.durable_sends:
            self._ids[part] = await self._platform.begin(self._place, "")
            return
        if self._sent[part] >= _MOST_FOR_A_PART:
            raise Undeliverable("each message that is sent there is deleted")
        self._lease.check()
        send_id = self._refused.get(part) or await self._inbox.sending(self._claim, part)
        self._lease.check()
        self._beginning = True
        try:
            await _to_its_end(self._send(part, send_id))
        finally:
            self._beginning = False

    async def _send(self, part: int, send_id: str) -> None:
        self._refused.pop(part, None)
        try:
            message_id = await self._platform.begin(self._place, send_id)
        except OutcomeUnknown:
            self._doubtful[part].append(send_id)
            self.unknown += 1
            await self._inbox.sent(self._claim, send_id, "")
            raise
        except PlatformError:
            self._refused[part] = send_id
            raise
        failpoints.reach(failpoints.SENT)
        await self._keep(part, send_id, message_id)
        failpoints.reach(failpoints.PLACEHOLDER)

    async def _keep(self, part: int, send_id: str, message_id: str) -> None:
        self._ids[part] = message_id
        self._sent[part] += 1
        self._unsaved[part] = send_id
        await self._save(part)

    async def save(self) -> None:
        """Store the ids that could not be stored yet, so that whoever comes next sends nothing again."""
        for part in list(self._unsaved):
            await self._save(part)

    async def _save(self, part: int) -> None:
        await self._inbox.sent(self._claim, self._unsaved[part], self._ids[part])
        del self._unsaved[part]


async def _to_its_end(work: Coroutine[object, object, T]) -> T:
    """Wait for what must not be cut, even where the one who waits is cancelled: its outcome would be unknown then."""
    task = asyncio.create_task(work)
    try:
        return await asyncio.shield(task)
    except asyncio.CancelledError:
        await asyncio.gather(task, return_exceptions=True)
        raise
