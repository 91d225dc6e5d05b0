"""Markdown becomes messages of Telegram's: text and entities, each no longer than one message holds.

Entities, not a parse mode: Telegram then has nothing to parse, and what counts is the length of the visible text.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from telegramify_markdown import RenderConfig, convert

from adapters.platforms.telegram.cutting import cut, units_before
from adapters.platforms.telegram.entities import Span, code_points
from conversation.messages import storable

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

PLACEHOLDER = "…"
MOST_ENTITIES = 100
"""Telegram shows no more of one message's."""

# What lists in lists and columns as wide as their widest cell may add. A model that writes "1. 1. 1. …" to its limit
# would fill a chat with hundreds of messages, each item further in than the last: that is shown as it was written.
_MOST_TIMES = 4
_ROOM = 2000
_SCHEMES = frozenset({"http", "https", "mailto"})
_CODE = frozenset({"pre", "code"})
# What is kept first where there are too many, and what is known at all.
_KINDS = ("pre", "blockquote", "text_link", "code", "bold", "italic", "strikethrough", "underline")
_SURROUNDING = ("blockquote", "bold", "italic", "strikethrough", "underline")
_CLOSED = "\0"
_OPEN = re.compile(r"[^\0]+")
# A name that Telegram would make a mention of, and so ring somebody's phone.
_NAME = re.compile(r"(?<![\w@])@\w{2,}")
# Looks alike, is as long, and calls nobody.
_HARMLESS_AT = "＠"

# The converter takes these for HTML, formulas, spoilers, links or their definitions, and their text away: "vector<int>"
# would be "vector". Each is hidden behind a punctuation mark that the text does not contain, in code as well.
_HTML = re.compile(r"(?<!\\)((?:\\\\)*)(?!(?<=\]\()<(?i:https?://|mailto:)[^<>\n]*>[ )])<")
_FORMULA = re.compile(r"(?<!\\)((?:\\\\)*)\$")
_SPOILER = re.compile(r"(?<!\\)((?:\\\\)*)\|\|")
_DEFINITION = re.compile(r"^([ \t>*+\-\d.)]*)\[(?=(?:[^\[\]\\]|\\.)*\]:)", re.MULTILINE | re.DOTALL)
# A link that leads nowhere, as in "werte[0](x)".
_NO_LINK = re.compile(r"(?<!\\)((?:\\\\)*)\[(?=[^\[\]\n]*\]\((?!<?(?i:https?://|mailto:)))")
_TABLE_ROW = re.compile(r"\s*\|.*\|\s*")
_MARKS = [mark for mark in map(chr, range(0x2E00, 0x2E80)) if unicodedata.category(mark).startswith("P")]


@dataclass(frozen=True, slots=True)
class Entity:
    """A formatting of Telegram's; ``offset`` and ``length`` are in UTF-16 units."""

    kind: str
    offset: int
    length: int
    url: str = ""
    language: str = ""


@dataclass(frozen=True, slots=True)
class Part:
    """What one message holds: text, never empty, and its entities."""

    text: str
    entities: tuple[Entity, ...] = ()

    def plain(self) -> Part:
        """The same without entities, for where Telegram refuses them."""
        return Part(_NAME.sub(lambda name: _HARMLESS_AT + name[0][1:], self.text))


def parts(markdown: str) -> tuple[Part, ...]:
    """The Markdown as messages, at least one; where nothing can be seen in it, the placeholder."""
    text, found = _converted(storable(markdown).replace("\r\n", "\n").replace("\r", "\n"))
    found = _apart(text, found)
    code = [(span.start, span.end) for span in found if span.kind in _CODE]
    reach = units_before(text)
    made = (_part(text, reach, found, start, end) for start, end in cut(text, reach, code))
    return tuple(part for part in made if _visible(part.text)) or (Part(PLACEHOLDER),)


def _converted(markdown: str) -> tuple[str, list[Span]]:
    hidden, marks = _hidden(markdown)
    text, entities = convert(hidden, latex_escape=False, config=_CONFIG)
    if len(text) > _MOST_TIMES * len(markdown) + _ROOM:
        return markdown, []
    points = code_points(text)
    shown = str.maketrans(marks)
    found = [
        Span(
            points[entity.offset],
            points[entity.offset + entity.length],
            entity.type,
            (entity.url or "").translate(shown),
            next(iter((entity.language or "").translate(shown).split()), ""),
        )
        for entity in entities
    ]
    return text.translate(shown), found


def _hidden(markdown: str) -> tuple[str, dict[str, str]]:
    """The Markdown without what the converter would take away, and what each mark in it stands for."""
    free = [mark for mark in _MARKS if mark not in markdown][:4]
    if len(free) < len("<$|["):
        # Somebody wrote all of them, to see what happens: nothing is formatted.
        return re.sub(r"([!-/:-@\[-`{-~])", r"\\\1", markdown), {}
    html, formula, spoiler, bracket = free
    hidden = _FORMULA.sub(rf"\1{formula}", _HTML.sub(rf"\1{html}", markdown))
    hidden = _NO_LINK.sub(rf"\1{bracket}", _DEFINITION.sub(rf"\1{bracket}", hidden))
    if "||" in hidden:
        lines = (
            line if _TABLE_ROW.fullmatch(line) else _SPOILER.sub(rf"\1{spoiler * 2}", line)
            for line in hidden.split("\n")
        )
        hidden = "\n".join(lines)
    return hidden, dict(zip(free, "<$|[", strict=True))


def _apart(text: str, found: Sequence[Span]) -> list[Span]:
    """Spans as Telegram allows them: links that may be followed, nothing inside code, no quote inside a quote."""
    links = [span for span in found if span.kind == "text_link" and _may_be_followed(span.url)]
    blocks = [span for span in found if span.kind == "pre"]
    open_text = _closed(text, links + blocks)
    code = [span for span in found if span.kind == "code" and _CLOSED not in open_text[span.start : span.end]]
    open_text = _closed(open_text, code)
    code += [Span(name.start(), name.end(), "code") for name in _NAME.finditer(open_text)]
    around_code = _closed(text, blocks + code)
    others = (span for kind in _SURROUNDING for span in _outermost(span for span in found if span.kind == kind))
    pieces = (
        replace(span, start=piece.start(), end=piece.end())
        for span in (*others, *links)
        for piece in _OPEN.finditer(around_code, span.start, span.end)
    )
    return [*blocks, *code, *pieces]


def _closed(text: str, spans: Iterable[Span]) -> str:
    """The text, blanked where these stand."""
    characters = list(text)
    for span in spans:
        characters[span.start : span.end] = _CLOSED * (span.end - span.start)
    return "".join(characters)


def _outermost(spans: Iterable[Span]) -> list[Span]:
    """Those that are inside no other: a quote in a quote Telegram refuses, bold in bold is bold."""
    outer: list[Span] = []
    for span in sorted(spans, key=lambda span: (span.start, -span.end)):
        if not outer or span.start >= outer[-1].end:
            outer.append(span)
    return outer


def _may_be_followed(url: str) -> bool:
    try:
        parsed = urlsplit(url)
    except ValueError:
        return False
    return parsed.scheme in _SCHEMES and bool(parsed.netloc or parsed.scheme == "mailto")


def _part(text: str, reach: Sequence[int], found: Iterable[Span], start: int, end: int) -> Part:
    inside = [
        replace(span, start=max(span.start, start), end=min(span.end, end))
        for span in found
        if span.start < end and start < span.end
    ]
    guards = [span for span in inside if _guards_a_name(text, span)]
    if len(guards) > MOST_ENTITIES:
        return Part(text[start:end]).plain()
    inside.sort(key=lambda span: (not _guards_a_name(text, span), _KINDS.index(span.kind), span.start))
    kept = sorted(inside[:MOST_ENTITIES], key=lambda span: (span.start, -span.end, _KINDS.index(span.kind)))
    return Part(text[start:end], _entities(reach, start, kept))


def _guards_a_name(text: str, span: Span) -> bool:
    return span.kind in _CODE and "@" in text[span.start : span.end]


def _entities(reach: Sequence[int], start: int, spans: Iterable[Span]) -> tuple[Entity, ...]:
    return tuple(
        Entity(
            span.kind,
            reach[span.start] - reach[start],
            reach[span.end] - reach[span.start],
            span.url if span.kind == "text_link" else "",
            span.language if span.kind == "pre" else "",
        )
        for span in spans
    )


def _visible(text: str) -> bool:
    """Whether there is anything to see; Telegram takes spaces and invisible signs alone for an empty text."""
    return any(unicodedata.category(character)[0] not in "ZC" for character in text)


def _configured() -> RenderConfig:
    """Headings without signs before them, and a list's own point."""
    config = RenderConfig.isolated()
    symbols = config.markdown_symbol
    symbols.heading_level_1 = symbols.heading_level_2 = symbols.heading_level_3 = symbols.heading_level_4 = ""
    symbols.unordered_list_item = "•"
    symbols.image = "🖼 "
    return config


_CONFIG = _configured()
