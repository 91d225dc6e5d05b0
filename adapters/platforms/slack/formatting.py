"""Markdown to the parts of an answer: each fits one message, alone reads right, and calls nobody.

All of Slack's methods that write take the same ``markdown_text`` of at most 12,000 characters: streams, posts and
updates. So a part is the same text whichever way it goes out.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from adapters.platforms.slack.neutral import Fence, Line, code, harmless, prose
from conversation.messages import storable

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

LIMIT = 11_000
"""UTF-16 units a part has at most: what Slack counts as a character is not written anywhere, so some room is left."""
PLACEHOLDER = "…"

_SLICE = 1_000
"""Characters of a piece where a single line is too long: also when each becomes an entity, a piece fits a part."""
_FENCE_ROOM = 200
"""Units kept for the lines that close a block and open it again."""


@dataclass(frozen=True, slots=True)
class Part:
    """One message's text as Slack gets it. ``text[:settled]`` stays as it is, whatever is written on."""

    text: str
    settled: int = 0


@dataclass(frozen=True, slots=True)
class _Unit:
    """A line, or a slice of a line that is too long (``glue`` is "" before all but its first slice)."""

    line: Line
    glue: str = "\n"


def parts(markdown: str) -> tuple[Part, ...]:
    """The text as parts, never empty. The longer the text grows, the earlier parts stay as they are."""
    units = [unit for line, raw in _lines(storable(markdown)) for unit in _units(line, raw)]
    found = [part for part in _filled(units) if part.text]
    return tuple(found) or (Part(PLACEHOLDER),)


def size(text: str) -> int:
    """UTF-16 units."""
    return len(text) if text.isascii() else len(text.encode("utf-16-le")) // 2


def _lines(markdown: str) -> Iterator[tuple[Line, str]]:
    return zip(harmless(markdown), markdown.split("\n"), strict=True)


def _units(line: Line, raw: str) -> list[_Unit]:
    if size(line.text) <= LIMIT - _FENCE_ROOM:
        return [_Unit(line)]
    slices = enumerate(_slices(raw))
    inside = line.inside
    return [
        _Unit(code(piece, inside) if inside else prose(piece, is_start=not number), "" if number else "\n")
        for number, piece in slices
    ]


def _slices(raw: str) -> Iterator[str]:
    """Pieces of at most ``_SLICE`` characters, cut behind a blank where there is one."""
    while len(raw) > _SLICE:
        cut = raw.rfind(" ", _SLICE // 2, _SLICE) + 1 or _SLICE
        yield raw[:cut]
        raw = raw[cut:]
    yield raw


def _filled(units: Sequence[_Unit]) -> Iterator[Part]:
    """Fill part after part; where one is full, cut it at the last empty line of its second half, else at a line."""
    start, opened = 0, None
    while start < len(units):
        end = _end(units, start, opened)
        yield _part(units[start:end], opened, is_last=end == len(units))
        opened = units[end - 1].line.after
        start = end


def _end(units: Sequence[_Unit], start: int, opened: Fence | None) -> int:
    used = size(opened.opening) if opened else 0
    empty = None
    for index in range(start, len(units)):
        unit = units[index]
        used += size(unit.line.text) + len(unit.glue)
        if used > LIMIT - _FENCE_ROOM and index > start and not _closes(units, index):
            # A block that would begin with the part's last line begins with the next part.
            return empty or (index - 1 if index - 1 > start and _opens(units, index - 1) else index)
        if not unit.line.text.strip() and unit.line.after is None and used > LIMIT // 2:
            empty = index + 1
    return len(units)


def _opens(units: Sequence[_Unit], index: int) -> bool:
    line = units[index].line
    return line.inside is None and line.after is not None


def _closes(units: Sequence[_Unit], index: int) -> bool:
    return units[index].line.after is None and units[index - 1].line.after is not None


def _part(units: Sequence[_Unit], opened: Fence | None, *, is_last: bool) -> Part:
    text = opened.opening if opened else ""
    for number, unit in enumerate(units[:-1]):
        text += (unit.glue if number or opened else "") + unit.line.text
    last = units[-1]
    before = text + (last.glue if len(units) > 1 or opened else "")
    settled = before + last.line.text[: last.line.settled]
    text = before + last.line.text
    if last.line.after is not None:
        text = f"{text.rstrip()}\n{last.line.after.closing}"
    text = text.strip("\n").rstrip()
    return Part(text, _common(settled.strip("\n").rstrip(), text) if is_last else len(text))


def _common(settled: str, text: str) -> int:
    return len(settled) if text.startswith(settled) else 0
