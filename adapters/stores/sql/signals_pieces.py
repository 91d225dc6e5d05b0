"""What is longer than a notification may be, in pieces and back."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

PIECE = 7900
"""Characters in a piece: a notification has less than 8,000 bytes, and all of what we write is ASCII."""
_MOST = 10_000
_HEAD = re.compile(r"([0-9]{1,5})/([0-9]{1,5}) ")


def pieces(content: str) -> Iterator[str]:
    """Each piece says its number and how many there are. PostgreSQL drops what is told twice in a transaction: the
    heads make pieces of one content differ, and of two equal contents one is enough.
    """
    count = max(1, -(-len(content) // PIECE))
    for number in range(count):
        yield f"{number + 1}/{count} {content[number * PIECE : (number + 1) * PIECE]}"


class Joining:
    """Joins the pieces of one channel; those of one content come one after the other."""

    def __init__(self) -> None:
        self._held: list[str] = []

    def joined(self, piece: str) -> str | None:
        """The whole content with its last piece; None before, and where a piece is missing or none of ours."""
        head = _HEAD.match(piece)
        if head is None:
            return None
        number, count = int(head[1]), int(head[2])
        if number == 1:
            self._held.clear()
        if number != len(self._held) + 1 or not number <= count <= _MOST:
            return None
        self._held.append(piece[head.end() :])
        if number < count:
            return None
        content = "".join(self._held)
        self._held.clear()
        return content
