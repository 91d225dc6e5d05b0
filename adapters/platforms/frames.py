"""Answers as numbered frames: for whatever shows a conversation from ``Signals`` and the store, page or terminal."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from dataclasses import dataclass
from typing import TYPE_CHECKING

from conversation.turns import Frame

if TYPE_CHECKING:
    from collections.abc import Sequence

    from conversation.messages import Author
    from conversation.places import Place
    from conversation.ports import Signals

PACE_SECONDS = 0.04
"""About what an eye can tell apart; what is drawn more often only costs battery."""
REMEMBERED = 1024
"""Answers whose last text is kept. A forgotten one is sent whole with its next edit, which is as right."""


@dataclass(slots=True)
class _Shown:
    """What stands of an answer under way."""

    number: int = 0
    text: str = ""
    next_at: float = 0


class Framed:
    """The outgoing side of a platform whose messages are frames: everything of the port but its name."""

    def __init__(self, signals: Signals) -> None:
        self._signals = signals
        self._shown: OrderedDict[str, _Shown] = OrderedDict()

    def parts(self, markdown: str) -> Sequence[object]:
        """One part: there is room for everything."""
        return [markdown]

    async def pace(self, place: Place, *, last: bool) -> None:
        """Wait until this answer's next frame may be shown; the last one never waits."""
        if last:
            return
        shown = self._of(place.turn_id)
        now = asyncio.get_running_loop().time()
        due = max(now, shown.next_at)
        shown.next_at = due + PACE_SECONDS
        if due > now:
            await asyncio.sleep(due - now)

    async def begin(self, place: Place, send_id: str) -> str:
        """Show an empty answer. Its id is the turn's, so a successor goes on in the same one."""
        message_id = place.turn_id or send_id
        await self._show(place, message_id, Frame(message_id, 0, 0, ""), "")
        return message_id

    async def edit(self, place: Place, message_id: str, part: object, *, last: bool) -> None:
        """Show what has changed since the last frame; the last frame carries the whole text and the ending's kind."""
        text = str(part)
        if last:
            await self._show(place, message_id, Frame(message_id, 0, 0, text, last=True, kind=place.ending), text)
            self._shown.pop(message_id, None)
            return
        before = self._of(message_id).text
        if text != before:
            offset = common_beginning(before, text)
            await self._show(place, message_id, Frame(message_id, 0, offset, text[offset:]), text)

    async def find(self, place: Place, send_id: str) -> str | None:  # noqa: ARG002 - the port's signature
        """Frames leave nothing behind that could be found."""
        return None

    async def remove(self, place: Place, message_id: str) -> None:  # noqa: ARG002 - the port's signature
        """Nothing to take back: an answer is one message, which its last frame fills."""
        self._shown.pop(message_id, None)

    async def typing(self, place: Place) -> None:
        """An empty answer looks like typing already."""

    async def person(self, workspace: str, person: str) -> Author | None:  # noqa: ARG002 - the port's signature
        """There is nobody to ask for a name; the language came with the message."""
        return None

    def _of(self, message_id: str) -> _Shown:
        shown = self._shown.setdefault(message_id, _Shown())
        self._shown.move_to_end(message_id)
        if len(self._shown) > REMEMBERED:
            self._shown.popitem(last=False)
        return shown

    async def _show(self, place: Place, message_id: str, frame: Frame, text: str) -> None:
        """Number the frame and hand it to whoever watches; ``text`` is what stands after it."""
        shown = self._of(message_id)
        shown.number += 1
        shown.text = text
        numbered = Frame(frame.turn_id, shown.number, frame.offset, frame.text, frame.last, frame.kind)
        await self._signals.show(place.conversation, numbered)


def common_beginning(before: str, after: str) -> int:
    """How many code points both texts begin with; at the growing end of a stream that is one comparison."""
    if after.startswith(before):
        return len(before)
    pairs = enumerate(zip(before, after, strict=False))
    return next((at for at, (old, new) in pairs if old != new), min(len(before), len(after)))
