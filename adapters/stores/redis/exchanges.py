"""Exchanges as compressed JSON and back, exactly."""

from __future__ import annotations

import hashlib
import json
import zlib
from dataclasses import dataclass, fields
from datetime import datetime
from operator import attrgetter
from typing import TYPE_CHECKING, Any

from conversation.messages import Attachment, Author, ConversationKey, Mention, Message
from conversation.turns import Exchange

if TYPE_CHECKING:
    from collections.abc import Sequence

_FIELDS: dict[type, tuple[str, ...]] = {
    kind: tuple(field.name for field in fields(kind))
    for kind in (Exchange, Message, Author, ConversationKey, Mention, Attachment)
}
# ``dataclasses.astuple`` copies every value deeply, which takes five times as long.
_VALUES = {kind: attrgetter(*names) for kind, names in _FIELDS.items()}
# Another version of plausch may know other fields: what it wrote is not read. One of this version reads only its own.
_SHAPE = hashlib.sha256(repr(list(_FIELDS.values())).encode()).hexdigest()[:16]


class Unreadable(ValueError):
    """Not what this version writes."""


@dataclass(frozen=True, slots=True)
class Copy:
    """What is kept of a conversation: every exchange from ``since`` to its newest one."""

    since: int
    exchanges: tuple[Exchange, ...]


def pack(copy: Copy) -> bytes:
    """The copy as it is kept."""
    return zlib.compress(json.dumps([_SHAPE, copy.since, copy.exchanges], default=_values).encode(), level=1)


def _values(value: object) -> object:
    return value.isoformat() if isinstance(value, datetime) else _VALUES[type(value)](value)


def unpack(raw: bytes | str) -> Copy:
    """The copy as it was packed. Raises ``Unreadable``."""
    if isinstance(raw, str):
        raise Unreadable
    try:
        shape, since, exchanges = json.loads(zlib.decompress(raw))
        if shape != _SHAPE:
            raise Unreadable
        return Copy(int(since), tuple(map(_exchange, exchanges)))
    except (zlib.error, ValueError, TypeError, KeyError, RecursionError):
        raise Unreadable from None


def _exchange(values: Sequence[Any]) -> Exchange:
    position, questions, answer = values
    return Exchange(int(position), tuple(map(_message, questions)), answer)


def _message(values: Sequence[Any]) -> Message:
    told = dict(zip(_FIELDS[Message], values, strict=True))
    return Message(
        **told
        | {
            "conversation": ConversationKey(*told["conversation"]),
            "author": Author(*told["author"]),
            "sent_at": datetime.fromisoformat(told["sent_at"]),
            "mentions": tuple(Mention(*mention) for mention in told["mentions"]),
            "attachments": tuple(Attachment(*attachment) for attachment in told["attachments"]),
        }
    )
