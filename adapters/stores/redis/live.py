"""The live tail: who watches which conversation in this process, and how each answer under way stands."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import json
from collections import OrderedDict, defaultdict
from dataclasses import replace
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

    from conversation.messages import ConversationKey
    from conversation.turns import Frame

REMEMBERED = 4096
"""Answers under way whose text is kept. One that is forgotten can't be continued, only ended."""


def channel_of(conversation: ConversationKey) -> str:
    """The conversation's channel. A digest, since the key tells where people talk and, on the web, lets one in."""
    key = (conversation.platform, conversation.workspace, conversation.channel, conversation.thread)
    return f"plausch:live:{hashlib.sha256(json.dumps(key).encode()).hexdigest()}"


class Watcher:
    """One open page. It is handed standing frames: ``text`` is all that stands, ``offset`` where it changed."""

    def __init__(self) -> None:
        self.opened = False
        self.seen: tuple[str, str, int] | None = None
        """Writer, turn and number of the newest frame. A successor counts the same turn's frames anew."""
        self._queue: asyncio.Queue[Frame | None] = asyncio.Queue()

    def hand(self, writer: str, standing: Frame) -> None:
        """Pass the frame on: what changed, where the one before it was seen; else the whole text."""
        writes = (writer, standing.turn_id)
        before = self.seen[2] if self.seen is not None and self.seen[:2] == writes else None
        if before is not None and standing.number <= before and not standing.last:
            return
        self.seen = (*writes, standing.number)
        if standing.number - 1 == before and not standing.last:
            self._queue.put_nowait(replace(standing, text=standing.text[standing.offset :]))
        else:
            self._queue.put_nowait(replace(standing, offset=0))

    def end(self) -> None:
        """End the frames: something may have been missed, and whoever watches begins anew from the store."""
        self._queue.put_nowait(None)

    async def frames(self) -> AsyncIterator[Frame]:
        """Frames as they come, until ``end``."""
        while (frame := await self._queue.get()) is not None:
            yield frame


class Live:
    """The watchers of this process, by channel, and the answers that it writes."""

    def __init__(self) -> None:
        self._watchers: defaultdict[str, set[Watcher]] = defaultdict(set)
        self._under_way: OrderedDict[str, Frame] = OrderedDict()

    def grown(self, channel: str, frame: Frame) -> Frame | None:
        """The standing frame after this one was written here; None where what it continues is not known."""
        before = self._under_way.pop(channel, None)
        if frame.last:
            return frame
        text = before.text if before is not None and before.turn_id == frame.turn_id else ""
        if frame.offset > len(text):
            return None
        standing = replace(frame, text=text[: frame.offset] + frame.text)
        self._under_way[channel] = standing
        if len(self._under_way) > REMEMBERED:
            self._under_way.popitem(last=False)
        return standing

    def under_way(self, channel: str) -> Frame | None:
        """How the answer stands that this process writes."""
        return self._under_way.get(channel)

    def hand(self, channel: str, writer: str, standing: Frame) -> None:
        """Hand a standing frame to whoever watches here."""
        for watcher in self._watchers.get(channel, ()):
            watcher.hand(writer, standing)

    def end_all(self) -> None:
        """Something may have been missed: end what is open."""
        for watchers in self._watchers.values():
            for watcher in watchers:
                if watcher.opened:
                    watcher.end()

    @contextlib.contextmanager
    def watching(self, channel: str) -> Iterator[Watcher]:
        """A watcher that is handed every frame from now on."""
        watcher = Watcher()
        self._watchers[channel].add(watcher)
        try:
            yield watcher
        finally:
            self._watchers[channel].discard(watcher)
            if not self._watchers[channel]:
                del self._watchers[channel]
