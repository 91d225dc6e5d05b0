"""What carries signals from one process to the others, and what is told on the way."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol, TypeAlias

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Collection, Sequence
    from contextlib import AbstractAsyncContextManager

    from adapters.stores.signals.wire import Told
    from conversation.messages import ConversationKey
    from conversation.turns import Frame

Heard: TypeAlias = "tuple[str, bytes | str | None]"
"""A channel and what was told on it; None: from here on the channel is listened to."""


class NotSent(Exception):
    """The way is blocked now: take another one, or try again later."""


@dataclass(slots=True)
class Batch:
    """What goes out together. A frame holds the whole text, so of one turn's frames the newest is enough."""

    wake: bool = False
    stop: dict[str, None] = field(default_factory=dict)
    asked: dict[str, None] = field(default_factory=dict)
    """Channels whose answer under way somebody wants to see: whoever writes it tells it again."""
    missed: bool = False
    """Frames were lost: who watches has to begin anew from the store."""
    frames: dict[tuple[str, str], Told] = field(default_factory=dict)
    """By channel and turn."""

    def is_empty(self) -> bool:
        """Whether there is nothing to tell."""
        return not (self.concerns_all() or self.frames)

    def concerns_all(self) -> bool:
        """Whether something in it is for every process, and not only for those who watch a conversation."""
        return bool(self.wake or self.stop or self.asked or self.missed)


class Line(Protocol):
    """One connection that listens. Where it can't be used any more, ``heard`` raises."""

    async def subscribe(self, channels: Collection[str]) -> None:
        """Listen to these too; ``heard`` tells when. Waits for nobody long, and raises nothing."""

    async def unsubscribe(self, channel: str) -> None:
        """Listen to it no longer. Waits for nobody long, and raises nothing."""

    def heard(self) -> AsyncGenerator[Heard, None]:
        """What comes in, for good."""


class Way(Protocol):
    """Carries signals between processes: to be listened to and to be spoken to, each by connections of its own."""

    name: str
    """As people call it: Redis, PostgreSQL."""

    def line(self) -> AbstractAsyncContextManager[Line]:
        """A new connection that can listen. Raises whatever is in the way."""

    async def send(self, writer: str, batch: Batch) -> None:
        """Tell it all, in order. Raises ``NotSent``; part of it may be told then."""

    async def knock(self) -> None:
        """Return where somebody is there. Raises ``NotSent``."""

    async def aclose(self) -> None:
        """Close what ``send`` opened."""


@dataclass(frozen=True, slots=True)
class Ended:
    """A turn that is over, as its last frame, and how long ago its ending was decided, by the store's clock."""

    conversation: ConversationKey
    seconds_ago: float
    frame: Frame


class Truth(Protocol):
    """Where to look for what signals should have told. Both raise ``PlauschError``."""

    async def stopped(self, turn_ids: Collection[str]) -> Sequence[str]:
        """Those of these turns that somebody asked to stop."""

    async def endings(self, conversations: Sequence[ConversationKey], seconds: float) -> Sequence[Ended]:
        """The turns that were shown in these conversations in the last ``seconds``, oldest first."""


class Pauses:
    """Pauses between attempts, in seconds, each twice as long as the one before."""

    def __init__(self, first: float, longest: float) -> None:
        self._first = first
        self._longest = longest
        self._next = first

    def next(self) -> float:
        """The pause that comes now."""
        pause, self._next = self._next, min(self._longest, self._next * 2)
        return pause

    def reset(self) -> None:
        """An attempt went well: begin anew."""
        self._next = self._first
