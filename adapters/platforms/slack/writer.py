"""Writing an answer: by Slack's streams where they go, else by one post and its updates.

A stream refuses updates while it is open, ends by itself after some minutes, and takes more text only at its end. What
was appended is known to this process only, so whatever is in doubt is settled in one way: end the stream, then put the
whole text by ``chat.update``.
"""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from adapters.platforms.slack.pacing import Tier
from conversation.errors import MessageGone, TooFast

if TYPE_CHECKING:
    from adapters.platforms.slack.formatting import Part
    from adapters.platforms.slack.methods import Methods
    from adapters.platforms.slack.pacing import Pacer
    from conversation.messages import ConversationKey
    from conversation.places import Place

_MOST: Final = 5_000
"""Messages that are remembered while they are written. A forgotten one is written on as after a restart."""


@dataclass(slots=True)
class _Written:
    """A message of ours that is being written. ``appended``: what its stream is known to show."""

    send_id: str
    streaming: bool
    appended: str = ""


class Writer:
    """All answers of one workspace that this process writes. One task writes an answer, never two at once."""

    def __init__(self, methods: Methods, pacer: Pacer) -> None:
        self._methods = methods
        self._pacer = pacer
        self._written: OrderedDict[tuple[str, str], _Written] = OrderedDict()
        self._newest: dict[ConversationKey, tuple[str, str]] = {}

    async def pace(self, place: Place, *, last: bool) -> None:
        """Return when the answer in this place may be written on."""
        newest = self._newest.get(place.conversation)
        written = self._written.get(newest) if newest else None
        tier = Tier.UPDATE
        if written is not None and written.streaming:
            tier = Tier.STOP if last else Tier.APPEND
        await self._pacer.reserve(place.conversation, tier, last=last, under_way=len(self._written))

    async def begin(self, place: Place, send_id: str, home_team: str) -> str:
        """Start a stream in the question's thread, or post "…". Returns the message's ``ts``."""
        ts = await self._methods.start(place, home_team) if self._methods.may_start() else None
        streaming = ts is not None
        if ts is None:
            ts = await self._methods.post(place, send_id)
        self._keep(place, ts, _Written(send_id, streaming))
        return ts

    def knows(self, place: Place, ts: str) -> bool:
        """Whether this process writes the message."""
        return (place.conversation.channel, ts) in self._written

    async def edit(self, place: Place, ts: str, part: Part, *, last: bool) -> bool:
        """Let the message show the part; the last edit makes it right whatever happened before.

        Returns whether a stream did it.
        """
        # A call that is cut or cancelled leaves the message forgotten: then it counts as one never seen before.
        written = self._written.pop((place.conversation.channel, ts), None)
        if written is None:
            await self._methods.stop(place, ts)
            written = _Written("", streaming=False)
        try:
            by_stream = written.streaming and await self._stream_on(place, ts, part, written, last=last)
            if not by_stream:
                await self._methods.update(place, ts, part.text, written.send_id)
        except TooFast:
            self._keep(place, ts, written)
            raise
        if last:
            self._forget(place, ts)
        else:
            self._keep(place, ts, written)
        return by_stream

    async def remove(self, place: Place, ts: str) -> None:
        """Delete the message; it may be gone already."""
        self._forget(place, ts)
        try:
            await self._methods.stop(place, ts)
            await self._methods.delete(place, ts)
        except MessageGone:
            return

    async def _stream_on(self, place: Place, ts: str, part: Part, written: _Written, *, last: bool) -> bool:
        """Bring the stream on; False where it is over and the whole must be put by an update."""
        goal = part.text if last else part.text[: part.settled]
        if not last and written.appended.startswith(goal):
            return True
        fits = goal.startswith(written.appended)
        new = goal[len(written.appended) :] if fits else ""
        if fits and not last:
            written.streaming = await self._methods.append(place, ts, new)
            written.appended = goal
            return written.streaming
        ended = await self._methods.stop(place, ts, new, written.send_id)
        written.streaming = False
        return ended and fits

    def _forget(self, place: Place, ts: str) -> None:
        key = (place.conversation.channel, ts)
        self._written.pop(key, None)
        if self._newest.get(place.conversation) == key:
            del self._newest[place.conversation]

    def _keep(self, place: Place, ts: str, written: _Written) -> None:
        self._written[place.conversation.channel, ts] = written
        self._newest[place.conversation] = place.conversation.channel, ts
        while len(self._newest) > _MOST:
            del self._newest[next(iter(self._newest))]
        while len(self._written) > _MOST:
            self._written.popitem(last=False)
