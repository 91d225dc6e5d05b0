"""Telegram's text with entities becomes Markdown.

Entities count in UTF-16 units. What the person typed stays as typed: Markdown characters are not escaped, code is kept
to the letter.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from adapters.platforms.telegram.whole import whole
from conversation.messages import Mention, storable

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

_MARKS = {"bold": "**", "italic": "*", "strikethrough": "~~"}
_QUOTES = {"blockquote", "expandable_blockquote"}
_VERBATIM = {"pre", "code"}
_KNOWN = ("blockquote", "expandable_blockquote", "pre", "code", "text_mention", "text_link", *_MARKS)
# Telegram gives a message at most a hundred; what takes the more time the more there are must not hold up everybody.
_MOST = 200
_LINE_PIECE = re.compile(r"\S(?:[^\n]*\S)?")
_NAME_AT_START = re.compile(r"[ \t]*[,:]?\s*")
_SPACE = re.compile(r"[ \t]?")


@dataclass(frozen=True, slots=True)
class Us:
    """The bot, as Telegram knows it."""

    id: int
    username: str


@dataclass(frozen=True, slots=True)
class Span:
    """``text[start:end]`` (code points) is of this kind."""

    start: int
    end: int
    kind: str
    url: str = ""
    language: str = ""
    person: int = 0


@dataclass(frozen=True, slots=True)
class Said:
    """What a text says: Markdown, the people it mentions, and whether it calls us by name."""

    text: str
    mentions: tuple[Mention, ...] = ()
    calls_us: bool = False


def spans(text: str, entities: object) -> list[Span]:
    """The entities in code points, outer before inner. What can't be right is left out."""
    if not isinstance(entities, list):
        return []
    points = code_points(text)
    found = [span for raw in entities[:_MOST] if (span := _span(raw, points)) is not None]
    return sorted(found, key=_outer_first)


def as_markdown(text: str, entities: object, us: Us, *, start: int = 0) -> Said:
    """The text from ``start`` (a code point) on as Markdown, our own mention removed. Never raises."""
    found = [span for span in spans(text, entities) if span.start >= start]
    code = _apart(span for span in found if span.kind in _VERBATIM)
    ours = [span for span in found if _is_us(text, span, us)]
    gone = [(0, start), *(_with_space(text, span, start) for span in ours)]
    mask = _without(text, [(span.start, span.end) for span in code] + gone)
    quotes = _apart(span for span in found if span.kind in _QUOTES)
    others = (span for span in found if span.kind not in _QUOTES and span not in ours)
    styled = [*quotes, *(piece for span in others for piece in _styled(span, mask))]
    draft = _Draft()
    _write(draft, text, code, sorted(styled, key=_outer_first), gone)
    return _trimmed(draft, calls_us=bool(ours))


def code_points(text: str) -> list[int]:
    """For each UTF-16 offset the code point that it stands at; the middle of a pair counts as its beginning."""
    if max(text, default="") <= "\uffff":
        # Hardly a text has pairs, and each is read with every edit of an answer.
        return list(range(len(text) + 1))
    return [*(index for index, character in enumerate(text) for _ in range(1 + (character > "\uffff"))), len(text)]


def _span(raw: Any, points: Sequence[int]) -> Span | None:
    match raw:
        case {"type": str(kind), "offset": int(offset), "length": int(length)} if offset >= 0 and length > 0:
            start = points[min(offset, len(points) - 1)]
            end = points[min(offset + length, len(points) - 1)]
            if start < end:
                return Span(start, end, kind, _line(raw.get("url")), _line(raw.get("language")), _id(raw.get("user")))
    return None


def _line(value: Any) -> str:
    return " ".join(storable(value).split()) if isinstance(value, str) else ""


def _id(user: Any) -> int:
    return (whole(user.get("id")) or 0) if isinstance(user, dict) else 0


def _outer_first(span: Span) -> tuple[bool, int, int, int]:
    """Quotes hold all others, since they are lines; then as the person nested them."""
    rank = _KNOWN.index(span.kind) if span.kind in _KNOWN else len(_KNOWN)
    return span.kind not in _QUOTES, span.start, -span.end, rank


def _apart(spans: Iterable[Span]) -> list[Span]:
    """Those that overlap none before them; neither code nor quotes of Telegram's do."""
    kept: list[Span] = []
    for span in sorted(spans, key=lambda span: (span.start, -span.end)):
        if not kept or span.start >= kept[-1].end:
            kept.append(span)
    return kept


def _is_us(text: str, span: Span, us: Us) -> bool:
    if span.kind == "text_mention":
        return span.person == us.id
    return span.kind == "mention" and text[span.start : span.end].casefold() == f"@{us.username}".casefold()


def _with_space(text: str, span: Span, start: int) -> tuple[int, int]:
    """Our name and what set it off: at the beginning also a comma or a colon, elsewhere one space."""
    after = _SPACE if text[start : span.start].strip() else _NAME_AT_START
    found = after.match(text, span.end)
    return span.start, found.end() if found else span.end


def _without(text: str, closed: Iterable[tuple[int, int]]) -> str:
    """The text, a line break for each character that no style can cover."""
    characters = list(text)
    for start, end in closed:
        characters[start:end] = "\n" * (end - start)
    return "".join(characters)


def _styled(span: Span, mask: str) -> list[Span]:
    """The span's pieces: a style ends with its line, touches no code, and has no space at its edges."""
    if span.kind == "text_mention" and span.person:
        return [span]
    if span.kind not in _MARKS and not (span.kind == "text_link" and span.url):
        return []
    return [
        Span(piece.start(), piece.end(), span.kind, span.url)
        for piece in _LINE_PIECE.finditer(mask, span.start, span.end)
    ]


@dataclass(slots=True)
class _Draft:
    """The Markdown as it grows; inside a quote each line begins with its mark."""

    parts: list[str] = field(default_factory=list)
    length: int = 0
    quoted: bool = False
    after_quote: bool = False
    mentions: list[Mention] = field(default_factory=list)

    def write(self, text: str) -> None:
        text = storable(text)
        if self.after_quote and text:
            self.leave_quote()
            text = text.lstrip("\n")
        self._put(text.replace("\n", "\n> ") if self.quoted else text)

    def _put(self, text: str) -> None:
        if text:
            self.parts.append(text)
            self.length += len(text)

    def leave_quote(self) -> None:
        """Without an empty line, Markdown would count the next line as the quote's."""
        if self.after_quote:
            self.after_quote = False
            self._put("\n\n")

    def to_line_start(self) -> None:
        if self.parts and not self.after_quote and not self.parts[-1].endswith(("\n", "\n> ")):
            self.write("\n")

    def code(self, text: str, span: Span) -> None:
        longest = max((len(run) for run in re.findall(r"`+", text)), default=0)
        if span.kind == "code":
            fence = "`" * (longest + 1)
            # A space beside the fence is Markdown's own way to begin or end code with a backtick.
            edge = " " if text.startswith("`") or text.endswith("`") else ""
            self.write(f"{fence}{edge}{text}{edge}{fence}")
            return
        fence = "`" * max(3, longest + 1)
        self.to_line_start()
        self.write(f"{fence}{span.language.replace('`', '')}\n{text}\n{fence}")


def _write(draft: _Draft, text: str, code: list[Span], styled: list[Span], gone: list[tuple[int, int]]) -> None:
    edges = {0, len(text), *(edge for span in (*styled, *code) for edge in (span.start, span.end))}
    edges.update(edge for pair in gone for edge in pair)
    verbatim = {span.start: span for span in code}
    opened: list[tuple[Span, int]] = []
    written_to, block_ended = 0, False
    for start, end in pairwise(sorted(edges)):
        if start < written_to or any(left <= start < right for left, right in gone):
            continue
        active = [span for span in styled if span.start <= start < span.end]
        _reopen(draft, opened, active)
        if block_ended and text[start] != "\n":
            draft.write("\n")
        block_ended = False
        if span := verbatim.get(start):
            draft.code(text[span.start : span.end], span)
            written_to, block_ended = span.end, span.kind == "pre"
        else:
            draft.write(text[start:end])
    _reopen(draft, opened, [])


def _reopen(draft: _Draft, opened: list[tuple[Span, int]], active: list[Span]) -> None:
    """Close what ended, with all that was opened inside it; open what is active and not open."""
    common = 0
    while common < min(len(opened), len(active)) and opened[common][0] is active[common]:
        common += 1
    while len(opened) > common:
        _close(draft, *opened.pop())
    for span in active[common:]:
        _open(draft, span)
        opened.append((span, draft.length))


def _open(draft: _Draft, span: Span) -> None:
    if span.kind in _QUOTES:
        draft.leave_quote()
        draft.to_line_start()
        draft.write("> ")
        draft.quoted = True
    elif span.kind == "text_link":
        draft.write("[")
    elif span.kind == "text_mention":
        draft.leave_quote()
    else:
        draft.write(_MARKS[span.kind])


def _close(draft: _Draft, span: Span, start: int) -> None:
    if span.kind in _QUOTES:
        draft.quoted, draft.after_quote = False, True
    elif span.kind == "text_mention":
        draft.mentions.append(Mention(start, draft.length, str(span.person)))
    elif span.kind == "text_link":
        draft.write(f"](<{span.url}>)" if re.search(r"[()\s]", span.url) else f"]({span.url})")
    else:
        draft.write(_MARKS[span.kind])


def _trimmed(draft: _Draft, *, calls_us: bool) -> Said:
    whole = "".join(draft.parts)
    text = whole.strip()
    shift = len(whole) - len(whole.lstrip())
    moved = (Mention(at.start - shift, min(at.end - shift, len(text)), at.person) for at in draft.mentions)
    kept = tuple(sorted((at for at in moved if 0 <= at.start < at.end), key=lambda at: at.start))
    return Said(text, kept, calls_us)
