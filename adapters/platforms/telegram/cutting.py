"""Where a text is cut that one message can't hold.

A cut depends only on what stands before it, so that an answer that grows keeps the messages that are full already.
"""

from __future__ import annotations

import unicodedata
from bisect import bisect_right
from itertools import accumulate
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

LONGEST = 4096
"""What one message holds, in UTF-16 units of the visible text."""

_JOINER = "\u200d"
_LONGEST_CLUSTER = 32


def units_before(text: str) -> list[int]:
    """For each code point, and for the end, how many UTF-16 units stand before it: as Telegram counts."""
    if max(text, default="") <= "\uffff":
        return list(range(len(text) + 1))  # as most texts are, and each is read with every edit of an answer
    return [0, *accumulate(1 + (character > "\uffff") for character in text)]


def cut(text: str, reach: Sequence[int], code: Sequence[tuple[int, int]]) -> list[tuple[int, int]]:
    """The parts as ranges of code points, without the white space between them.

    ``reach`` are the text's ``units_before``, ``code`` the ranges that stay whole where one message can hold them; a
    longer one is cut between its lines.
    """
    closed = _closed(text, code)
    parts = []
    start = 0
    while reach[-1] - reach[start] > LONGEST:
        furthest = bisect_right(reach, reach[start] + LONGEST) - 1
        end = _end(text, closed, code, start, furthest)
        parts.append((start, end))
        start = _next(text, closed, code, end)
    parts.append((start, len(text)))
    return [(start, _trimmed(closed, start, end)) for start, end in parts if text[start:end].strip()]


def _closed(text: str, code: Sequence[tuple[int, int]]) -> str:
    """The text, its code without any white space to cut at."""
    characters = list(text)
    for start, end in code:
        characters[start:end] = "x" * (end - start)
    return "".join(characters)


def _around(code: Sequence[tuple[int, int]], at: int) -> tuple[int, int] | None:
    return next(((start, end) for start, end in code if start < at < end), None)


def _end(text: str, closed: str, code: Sequence[tuple[int, int]], start: int, furthest: int) -> int:
    if block := _around(code, furthest):
        if block[0] > start and text[start : block[0]].strip():
            return block[0]
        line = text.rfind("\n", start + 1, furthest + 1)
        return line if line > start else _between_characters(text, start, furthest)
    middle = start + (furthest - start) // 2
    for border in ("\n\n", "\n", " "):
        found = closed.rfind(border, middle, furthest + len(border))
        if found > start:
            return min(found, furthest)
    return _between_characters(text, start, furthest)


def _between_characters(text: str, start: int, at: int) -> int:
    """Not between a letter and its marks, nor inside an emoji that several code points make."""
    for candidate in range(at, max(start, at - _LONGEST_CLUSTER), -1):
        if not _continues(text[candidate]) and text[candidate - 1] != _JOINER:
            return candidate
    return at


def _continues(character: str) -> bool:
    skin = "\U0001f3fb" <= character <= "\U0001f3ff"
    return skin or character == _JOINER or unicodedata.category(character).startswith("M")


def _next(text: str, closed: str, code: Sequence[tuple[int, int]], end: int) -> int:
    if _around(code, end):
        return end + (text[end] == "\n")
    while end < len(text) and closed[end].isspace():
        end += 1
    return end


def _trimmed(closed: str, start: int, end: int) -> int:
    while end > start and closed[end - 1].isspace():
        end -= 1
    return end
