"""What processes tell each other: one kind of message for each channel, as JSON."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from conversation.turns import Frame

SIGNALS = "plausch:signals"
"""The channel that every process listens to. Pub/sub knows no database numbers: services that share a Redis share it,
which costs them needless wake-ups and no more, since turns' ids are unique."""


class Unreadable(ValueError):
    """Not ours, or from a version that writes otherwise."""


@dataclass(frozen=True, slots=True)
class Call:
    """What concerns all processes: look for work, stop these turns, frames were lost."""

    writer: str
    wake: bool = False
    stop: tuple[str, ...] = ()
    missed: bool = False


def call_to_wire(call: Call) -> str:
    """As it is published."""
    return json.dumps([call.writer, call.wake, call.stop, call.missed])


def call_from_wire(raw: bytes | str) -> Call:
    """As it was called. Raises ``Unreadable``."""
    match _read(raw):
        case [str(writer), bool(wake), [*stop], bool(missed)]:
            return Call(writer, wake, tuple(map(str, stop)), missed)
        case _:
            raise Unreadable


def frame_to_wire(writer: str, standing: Frame) -> str:
    """As it is published, and kept for newcomers."""
    frame = standing
    return json.dumps([writer, frame.turn_id, frame.number, frame.offset, frame.text, frame.last, frame.kind])


def frame_from_wire(raw: bytes | str) -> tuple[str, Frame]:
    """Who wrote it, and the standing frame. Raises ``Unreadable``."""
    match _read(raw):
        case [str(writer), str(turn_id), int(number), int(offset), str(text), bool(last), str(kind)]:
            return writer, Frame(turn_id, number, offset, text, last, kind)
        case _:
            raise Unreadable


def _read(raw: bytes | str) -> Any:
    try:
        return json.loads(raw)
    except (ValueError, RecursionError):
        raise Unreadable from None
