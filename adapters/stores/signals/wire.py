"""What processes tell each other: one kind of message for each channel, as JSON in ASCII."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from conversation.turns import Frame

if TYPE_CHECKING:
    from adapters.stores.signals.ways import Batch

SIGNALS = "plausch:signals"
"""The channel that every process listens to. Redis' pub/sub knows no database numbers: services that share a Redis
share it, which costs them needless wake-ups and no more, since turns' ids are unique."""


class Unreadable(ValueError):
    """Not ours, or from a version that writes otherwise."""


@dataclass(frozen=True, slots=True)
class Told:
    """A standing frame (``text`` is all that stands), who wrote it, and its number among all that this writer told.

    The same may come twice, by two ways; its serial tells. A successor counts the same turn's frames anew.
    """

    writer: str
    serial: int
    frame: Frame


@dataclass(frozen=True, slots=True)
class Call:
    """What concerns all processes: look for work, stop these turns, frames were lost, tell these answers again."""

    writer: str
    wake: bool = False
    stop: tuple[str, ...] = ()
    missed: bool = False
    asked: tuple[str, ...] = ()


def call_to_wire(writer: str, batch: Batch) -> str:
    """The part of a batch that concerns all."""
    return json.dumps([writer, batch.wake, list(batch.stop), batch.missed, list(batch.asked)])


def call_from_wire(raw: bytes | str) -> Call:
    """As it was called. Raises ``Unreadable``."""
    match _read(raw):
        case [str(writer), bool(wake), [*stop], bool(missed), [*asked]]:
            return Call(writer, wake, tuple(map(str, stop)), missed, tuple(map(str, asked)))
        case _:
            raise Unreadable


def told_to_wire(told: Told) -> str:
    """As it is told on the conversation's channel."""
    frame = told.frame
    text, kind = frame.text, frame.kind
    return json.dumps([told.writer, told.serial, frame.turn_id, frame.number, frame.offset, text, frame.last, kind])


def told_from_wire(raw: bytes | str) -> Told:
    """As it was told. Raises ``Unreadable``."""
    match _read(raw):
        case [
            str(writer),
            int(serial),
            str(turn_id),
            int(number),
            int(offset),
            str(text),
            bool(last),
            str(kind),
        ]:
            return Told(writer, serial, Frame(turn_id, number, offset, text, last, kind))
        case _:
            raise Unreadable


def _read(raw: bytes | str) -> Any:
    try:
        return json.loads(raw)
    except (ValueError, RecursionError):
        raise Unreadable from None
