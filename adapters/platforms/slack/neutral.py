"""The model's Markdown made harmless for Slack: nobody is called, nothing is linked but web and mail addresses.

Slack's ``markdown_text`` is standard Markdown (docs.slack.dev/reference/block-kit/blocks/markdown-block), in which
Slack's own ``<!channel>`` and ``<@U…>`` must not come to life. In prose ``&``, ``<`` and ``>`` become entities; code
would show entities as they are, so there only what could be such a call is broken, by a zero-width space.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

_GAP = "\u200b"
_CALL = re.compile(r"<(?=[@#!])(?=@[A-Z]|#C|!(?:channel|here|everyone|group|subteam|date)\b)", re.IGNORECASE)
_FENCE = re.compile(r"([\s>]*)(`{3,20}|~{3,20})(?![`~])([^`\n]*)")
_QUOTE = re.compile(r"(?:\s{0,3}>)+")
_DEFINITION = re.compile(r"\s*\[[^\]\n]*\](?=:)")
_ALLOWED = re.compile(r"(?:https?://|mailto:)[^\s<>]+", re.IGNORECASE)
_INFO = re.compile(r"[\w+#.-]{1,40}")

# In this order: a code span that is closed on its line, a link or image, an address in angle brackets, a bare address,
# a call of everyone, and what is left of links and control characters.
_PROSE = re.compile(
    r"(?<!`)(?P<ticks>`++)(?P<code>.+?)(?<!`)(?P=ticks)(?!`)"
    r"|(?P<image>!?)\[(?P<label>[^\[\]\n]*)\]\(\s*<?(?P<url>[^()\s<>]*(?:\([^()\s<>]*\)[^()\s<>]*)*)>?"
    r"(?:\s+(?:\"[^\"\n]*\"|'[^'\n]*'))?\s*\)"
    r"|<(?P<auto>(?:https?://|mailto:)[^<>\s]+)>"
    r"|(?P<bare>https?://[^\s<>()\[\]`*]+)"
    r"|@(?P<all>everyone|channel|here)\b"
    r"|(?P<mark>\]\(|[&<>])",
    re.IGNORECASE,
)
_MARKS = {"&": "&amp;", "<": "&lt;", ">": "&gt;", "](": "] ("}
# What may still become something else when more text comes.
_OPEN = re.compile(r"`|\[(?=[^\[\]]*(?:$|\](?:\(|$)))|@(?=\w{0,8}$)|!(?=\[|$)|<(?=[^<>\s]*$)")


@dataclass(frozen=True, slots=True)
class Fence:
    """An open code block: what closes it (with the indent or quote marks before), and how it is opened again."""

    lead: str
    mark: str
    info: str = ""

    @property
    def opening(self) -> str:
        """The line that opens the block."""
        return f"{self.lead}{self.mark}{self.info}"

    @property
    def closing(self) -> str:
        """The line that closes it."""
        return f"{self.lead}{self.mark}"


@dataclass(frozen=True, slots=True)
class Line:
    """A line made harmless. ``inside`` is the code block that it stands in; None in prose and for fences.

    ``after`` is the block that is open behind it. ``settled``: so many characters stay, whatever is written on.
    """

    text: str
    settled: int
    inside: Fence | None
    after: Fence | None


def harmless(markdown: str) -> list[Line]:
    """The text, line by line."""
    lines: list[Line] = []
    fence: Fence | None = None
    for raw in markdown.split("\n"):
        line = _line(raw, fence)
        lines.append(line)
        fence = line.after
    return lines


def _line(raw: str, fence: Fence | None) -> Line:
    found = _FENCE.fullmatch(raw)
    if fence is None:
        if found is None:
            return prose(raw)
        info = _INFO.match(found[3].strip())
        opened = Fence(found[1][:20], found[2], info[0] if info else "")
        return Line(opened.opening, 0, None, opened)
    if found is not None and found[2].startswith(fence.mark) and not found[3].strip():
        return Line(fence.closing, 0, None, None)
    return code(raw, fence)


def code(raw: str, fence: Fence) -> Line:
    """A line of a code block: to the letter but for calls."""
    may_close = not raw.strip("`~> \t")
    last = raw.rfind("<")
    settled = 0 if may_close else len(_CALL.sub(f"<{_GAP}", raw if last < 0 else raw[:last]))
    return Line(_CALL.sub(f"<{_GAP}", raw), settled, fence, fence)


def prose(raw: str, *, is_start: bool = True) -> Line:
    """A line outside code blocks, or the rest of one."""
    if defined := _DEFINITION.match(raw):
        raw = f"{defined[0]}{_GAP}{raw[defined.end() :]}"
    quote = _QUOTE.match(raw) if is_start else None
    start = quote.end() if quote else 0
    text = raw[:start] + _PROSE.sub(_replaced, raw[start:])
    if not raw[start:].strip("~ \t"):
        return Line(text, 0, None, None)  # it may become a fence
    stays = _settled(raw, start)
    return Line(text, len(raw[:start] + _PROSE.sub(_replaced, raw[start:stays])), None, None)


def _settled(raw: str, start: int) -> int:
    """How far the line can't change its meaning any more: not into what is still open, or touches its end."""
    still_open = [opened.start() for opened in _OPEN.finditer(raw, start)][::-1]
    done = start
    for match in _PROSE.finditer(raw, start):
        while still_open and still_open[-1] < done:
            still_open.pop()
        if still_open and still_open[-1] < match.start() + bool(match["mark"]):
            return still_open[-1]
        if match.end() == len(raw) and not match["mark"]:
            return match.start()
        done = match.end()
    return next((opened for opened in reversed(still_open) if opened >= done), len(raw))


def _replaced(match: re.Match[str]) -> str:
    if match["ticks"]:
        return _CALL.sub(f"<{_GAP}", match[0])
    if match["auto"] or match["bare"]:
        return match["auto"] or match["bare"]
    if match["all"]:
        return f"@{_GAP}{match['all']}"
    if match["mark"]:
        return _MARKS[match["mark"]]
    return _link(match["label"], match["url"], is_image=bool(match["image"]))


def _link(label: str, url: str, *, is_image: bool) -> str:
    """A link whose address may be followed, else its words. An image becomes a link: nothing is loaded by itself."""
    words = _PROSE.sub(_replaced, label)
    if not _ALLOWED.fullmatch(url):
        return words if is_image or not url else f"{words} ({_PROSE.sub(_replaced, url)})"
    return f"[{words}]({url})" if words.strip() else url
