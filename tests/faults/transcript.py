"""What was asked, what people saw and what the log says: three accounts of the same conversations."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

_MARK = re.compile(r"\bq[0-9a-f]{4}c\d{5}n\d{4}\b")
PLACEHOLDER = "…"


def mark_of(salt: str, conversation: int, number: int) -> str:
    """The word by which a question is known wherever it turns up; ``salt`` has four hexadecimal digits."""
    return f"q{salt}c{conversation:05}n{number:04}"


def marks_in(text: str) -> list[str]:
    """All marks in a text, in its order."""
    return _MARK.findall(text)


@dataclass(frozen=True, slots=True)
class Question:
    """A message as somebody sent it. ``number`` counts within its conversation; ``acknowledged`` by the service."""

    conversation: str
    number: int
    mark: str
    acknowledged: bool = True


@dataclass(frozen=True, slots=True)
class Seen:
    """A message of the service's as it stands at the end.

    ``order`` is its place in the conversation; ``since`` when it first read as it reads now, in seconds.
    """

    conversation: str
    message_id: str
    order: int
    text: str
    since: float
    streaming: bool = False


@dataclass(frozen=True, slots=True)
class Send:
    """A message that was sent, or begun to be sent: without an id nobody learnt what became of it."""

    part: int
    message_id: str


@dataclass(frozen=True, slots=True)
class Logged:
    """A turn as the log tells it.

    ``questions`` are the texts of its messages, ``kind`` and ``parts`` its ending as it should be read on the platform.
    """

    turn_id: str
    conversation: str
    position: int
    state: str
    questions: tuple[str, ...]
    kind: str = ""
    parts: tuple[str, ...] = ()
    sends: tuple[Send, ...] = ()


@dataclass(frozen=True, slots=True)
class Account:
    """All three. ``noted``: the endings that were decided at some earlier time, by the turns' ids."""

    asked: tuple[Question, ...]
    seen: tuple[Seen, ...]
    logged: tuple[Logged, ...]
    can_find: frozenset[str] = frozenset()
    """Conversations in which a message can be found again: there a cut send excuses no empty placeholder."""
    noted: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
