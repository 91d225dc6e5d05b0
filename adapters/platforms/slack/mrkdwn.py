"""Slack's mrkdwn, as events carry it, to plain Markdown.

In an event's ``text`` a raw ``<…>`` is always Slack's own (links, mentions): what people type arrives as ``&lt;``,
``&gt;`` and ``&amp;``. Source: docs.slack.dev/messaging/formatting-message-text.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from conversation.messages import Mention

# Stand for what must not be touched while emphasis is converted. They are for private use in Unicode; where a person
# writes one of them, it is kept aside like the rest.
_PIECE, _BLOCK, _US = "\ue000", "\ue001", "\ue002"

# People whom one message may name: each name may have to be asked for before the answer begins.
MOST_PEOPLE = 20

# All that is converted begins with one of these: a message of words alone, as most are, stays as it is.
_MARKUP = re.compile(rf"[*_~`<&•◦▪︎{_PIECE}{_BLOCK}{_US}]")
_KEPT = re.compile(
    rf"```(?P<block>.+?)```|`(?P<span>[^`\n]+)`|<(?P<control>[^<>]+)>|(?P<own>[{_PIECE}{_BLOCK}{_US}])", re.DOTALL
)
_ENTITY = re.compile("&(amp|lt|gt);")
_ENTITIES = {"amp": "&", "lt": "<", "gt": ">"}
_CONTROL = re.compile("<([^<>]+)>")
_BULLET = re.compile(r"(?m)^([ \t]*)[•◦▪︎] ")
_US_FIRST = re.compile(rf"^\s*{_US}[ \t]*[:,]?\s*")
_US_LATER = re.compile(f"[ \t]?{_US}")


def _emphasis(mark: str) -> re.Pattern[str]:
    """``mark…mark`` on one line, as Slack reads it: beside letters and digits it is a plain character."""
    char = re.escape(mark)
    inside = rf"(?=\S)([^{char}\n{_BLOCK}]+)(?<=\S)"
    return re.compile(rf"(?<![^\W_])(?<!{char}){char}{inside}{char}(?!{char})(?![^\W_])")


_EMPHASES = ((_emphasis("*"), r"**\1**"), (_emphasis("_"), r"*\1*"), (_emphasis("~"), r"~~\1~~"))


@dataclass(frozen=True, slots=True)
class Converted:
    """Markdown, the mentions of people in it, and whether we were called by name (our own mention is removed)."""

    text: str
    mentions: tuple[Mention, ...]
    calls_us: bool


def to_markdown(mrkdwn: str, bot_user: str) -> Converted:
    """Convert a message's text. Code is kept to the letter; never raises."""
    if not _MARKUP.search(mrkdwn):
        return Converted(mrkdwn.strip(), (), calls_us=False)
    kept = _Kept(bot_user)
    text = _KEPT.sub(kept.aside, mrkdwn)
    text = _US_LATER.sub("", _US_FIRST.sub("", text)).strip()
    text = _BULLET.sub(r"\1- ", text)
    for pattern, replacement in _EMPHASES:
        text = pattern.sub(replacement, text)
    return kept.back(unescaped(text))


def unescaped(text: str) -> str:
    """The text with Slack's three entities as the characters that they stand for."""
    return _ENTITY.sub(lambda entity: _ENTITIES[entity[1]], text)


@dataclass(frozen=True, slots=True)
class _Piece:
    text: str
    person: str | None = None


@dataclass(slots=True)
class _Kept:
    """What is put aside before emphasis is converted, and put back in the same order."""

    bot_user: str
    pieces: list[_Piece] = field(default_factory=list)
    calls_us: bool = False

    def aside(self, match: re.Match[str]) -> str:
        if (block := match["block"]) is not None:
            code = _letters(block.removeprefix("\n").removesuffix("\n"))
            self.pieces.append(_Piece(f"```\n{code}\n```"))
            return _BLOCK
        if (span := match["span"]) is not None:
            return self._piece(_Piece(f"`{_letters(span)}`"))
        if (own := match["own"]) is not None:
            return self._piece(_Piece(own))
        control = match["control"]
        if control.partition("|")[0] == f"@{self.bot_user}":
            self.calls_us = True
            return _US
        return self._piece(_control(control))

    def _piece(self, piece: _Piece) -> str:
        self.pieces.append(piece)
        return _PIECE

    def back(self, text: str) -> Converted:
        out = ""
        mentions: list[Mention] = []
        people: set[str] = set()
        pieces = iter(self.pieces)
        for plain, mark in re.findall(f"([^{_PIECE}{_BLOCK}]*)([{_PIECE}{_BLOCK}]?)", text):
            # A fence needs lines of its own; Slack shows blocks in the middle of a line, too.
            out += f"\n{plain}" if out.endswith("\n```") and plain and not plain.startswith("\n") else plain
            if not mark:
                continue
            piece = next(pieces)
            if (mark == _BLOCK or out.endswith("\n```")) and out and not out.endswith("\n"):
                out += "\n"
            if piece.person is not None and (piece.person in people or len(people) < MOST_PEOPLE):
                people.add(piece.person)
                mentions.append(Mention(len(out), len(out) + len(piece.text), piece.person))
            out += piece.text
        return Converted(out, tuple(mentions), self.calls_us)


def _letters(code: str) -> str:
    """Code as the person typed it: Slack makes links of addresses even there."""
    return unescaped(_CONTROL.sub(lambda control: _control(control[1], in_code=True).text, code))


def _control(inside: str, *, in_code: bool = False) -> _Piece:
    """What stands in ``<…>``: a mention of a person, a channel, a group or everyone, a date, or a link."""
    target, _, label = inside.partition("|")
    label = label if in_code else unescaped(label)
    match target[0], target[1:]:
        case "@", person if person:
            return _Piece(f"@{person}", None if in_code else person)
        case "#", channel:
            return _Piece(f"#{label or channel}")
        case "!", command if command.partition("^")[0] in {"date", "subteam"}:
            return _Piece(label or f"@{command.partition('^')[2]}")
        case "!", command:
            return _Piece(f"@{command}")
    return _Piece(_link(target if in_code else unescaped(target), label, in_code=in_code))


def _link(url: str, label: str, *, in_code: bool) -> str:
    if not label or label == url:
        return url
    if in_code or url.partition("://")[2].rstrip("/") == label.rstrip("/") or url == f"mailto:{label}":
        return label  # Slack made the link itself, of what the person typed
    words = re.sub(r"([\\\[\]])", r"\\\1", label)
    address = url.replace(" ", "%20").replace("(", "%28").replace(")", "%29")
    return f"[{words}]({address})"
