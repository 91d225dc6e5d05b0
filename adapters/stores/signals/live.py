"""The live tail: who watches which conversation in this process, and how each answer under way stands."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import itertools
import json
from collections import OrderedDict, defaultdict
from dataclasses import replace
from typing import TYPE_CHECKING, TypeVar

from adapters.stores.signals.wire import Told

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator, Sequence

    from conversation.messages import ConversationKey
    from conversation.turns import Frame

Key = TypeVar("Key")
Value = TypeVar("Value")

REMEMBERED = 4096
"""Answers under way whose text is kept. One that is forgotten can't be continued, only ended."""
MOST_UNREAD = 256
"""Frames that wait for a page. One that does not read for so long is ended: it comes back and begins with the store."""
_TURNS_SEEN = 64
"""Turns of which an open page knows what it has seen. Of a forgotten one it may see something twice."""


def channel_of(conversation: ConversationKey) -> str:
    """The conversation's channel. A digest, since the key tells where people talk and, on the web, lets one in.

    PostgreSQL's names of channels have 63 bytes at most.
    """
    key = (conversation.platform, conversation.workspace, conversation.channel, conversation.thread)
    return f"plausch:live:{hashlib.sha256(json.dumps(key).encode()).hexdigest()[:40]}"


class Watcher:
    """One open page. It is handed standing frames: ``text`` is all that stands, ``offset`` where it changed."""

    def __init__(self, conversation: ConversationKey) -> None:
        self.conversation = conversation
        self.begun_at = asyncio.get_running_loop().time()
        self.opened = False
        self._seen: tuple[str, str, int] | None = None
        """Writer, turn and number of the newest frame."""
        self._serials: OrderedDict[tuple[str, str], int] = OrderedDict()
        self._endings: OrderedDict[str, str] = OrderedDict()
        self._queue: asyncio.Queue[Frame | None] = asyncio.Queue()

    def hand(self, told: Told) -> None:
        """Pass the frame on, once: what changed, where the one before it was seen; else the whole text."""
        standing, writes = told.frame, (told.writer, told.frame.turn_id)
        if told.serial <= self._serials.get(writes, -1):
            return
        _remember(self._serials, writes, told.serial)
        follows = (*writes, standing.number - 1) == self._seen
        self._seen = (*writes, standing.number)
        if standing.last:
            _remember(self._endings, standing.turn_id, standing.text)
        if follows and not standing.last:
            self._put(replace(standing, text=standing.text[standing.offset :]))
        else:
            self._put(replace(standing, offset=0))

    def hand_ending(self, frame: Frame) -> None:
        """Pass on a turn's last frame that the store tells of, unless it was seen."""
        if self._endings.get(frame.turn_id) == frame.text:
            return
        _remember(self._endings, frame.turn_id, frame.text)
        self._seen = None
        self._put(frame)

    def end(self) -> None:
        """End the frames: something may have been missed, and whoever watches begins anew from the store."""
        self._queue.put_nowait(None)

    def _put(self, frame: Frame) -> None:
        if self._queue.qsize() < MOST_UNREAD - 1:
            self._queue.put_nowait(frame)
            return
        while not self._queue.empty():
            self._queue.get_nowait()
        self.end()

    async def frames(self) -> AsyncIterator[Frame]:
        """Frames as they come, until ``end``."""
        while (frame := await self._queue.get()) is not None:
            yield frame


class Live:
    """The watchers of this process, by channel, and the answers that it writes, under the name ``writer``."""

    def __init__(self, writer: str) -> None:
        self._writer = writer
        self._serials = itertools.count()
        self._watchers: defaultdict[str, set[Watcher]] = defaultdict(set)
        self._under_way: OrderedDict[str, Told] = OrderedDict()

    def grown(self, channel: str, frame: Frame) -> Told | None:
        """The standing frame after this one was written here; None where what it continues is not known."""
        before = self._under_way.pop(channel, None)
        if frame.last:
            return Told(self._writer, next(self._serials), frame)
        text = before.frame.text if before is not None and before.frame.turn_id == frame.turn_id else ""
        if frame.offset > len(text):
            return None
        standing = replace(frame, text=text[: frame.offset] + frame.text)
        told = self._under_way[channel] = Told(self._writer, next(self._serials), standing)
        if len(self._under_way) > REMEMBERED:
            self._under_way.popitem(last=False)
        return told

    def under_way(self, channel: str) -> Told | None:
        """How the answer stands that this process writes."""
        return self._under_way.get(channel)

    def forget(self, turn_id: str) -> None:
        """The answer is not written here any more: another process may know how it stands."""
        for channel in [channel for channel, told in self._under_way.items() if told.frame.turn_id == turn_id]:
            del self._under_way[channel]

    def hand(self, channel: str, told: Told) -> None:
        """Hand a standing frame to whoever watches here."""
        for watcher in self._watchers.get(channel, ()):
            watcher.hand(told)

    def hand_ending(self, conversation: ConversationKey, frame: Frame, decided_at: float) -> None:
        """Hand what the store tells of a turn's end to whoever watched then; ``decided_at`` by the loop's clock.

        Who came later begins with the store, and finds it there.
        """
        for watcher in self._watchers.get(channel_of(conversation), ()):
            if watcher.begun_at <= decided_at:
                watcher.hand_ending(frame)

    def end_all(self) -> None:
        """Something may have been missed: end what is open."""
        for watchers in self._watchers.values():
            for watcher in watchers:
                if watcher.opened:
                    watcher.end()

    def channels(self) -> Sequence[str]:
        """The channels that somebody watches here."""
        return list(self._watchers)

    def watched(self) -> Sequence[ConversationKey]:
        """The conversations that somebody watches here."""
        return [next(iter(watchers)).conversation for watchers in self._watchers.values()]

    @contextlib.contextmanager
    def watching(self, channel: str, conversation: ConversationKey) -> Iterator[Watcher]:
        """A watcher that is handed every frame from now on."""
        watcher = Watcher(conversation)
        self._watchers[channel].add(watcher)
        try:
            yield watcher
        finally:
            self._watchers[channel].discard(watcher)
            if not self._watchers[channel]:
                del self._watchers[channel]


def _remember(known: OrderedDict[Key, Value], key: Key, value: Value) -> None:
    known[key] = value
    known.move_to_end(key)
    if len(known) > _TURNS_SEEN:
        known.popitem(last=False)
