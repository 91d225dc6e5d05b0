"""Text as it travels: what people type becomes Slack's mrkdwn, and mrkdwn becomes rich text blocks."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

_CODE = re.compile(r"(```.*?```|`[^`\n]+`)", re.DOTALL)
# A sentence's punctuation after an address is not part of it.
_ADDRESS = re.compile(r"https?://[^\s<>|]*[^\s<>|.,;:!?)\"']")
_REFERENCE = re.compile(r"<([^<>]+)>")


def escaped(text: str) -> str:
    """The three characters that Slack escapes, and only those."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def unescaped(text: str) -> str:
    """The opposite of ``escaped``."""
    return text.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")


def typed(text: str, people: Mapping[str, str], channels: Mapping[str, str]) -> str:
    """What a person typed, as Slack sends it on: escaped, with ``<@U…>``, ``<#C…|name>`` and ``<https://…>``.

    ``people`` and ``channels`` map names to ids; ``@name`` and ``#name`` refer to them. Code keeps its addresses bare.
    """
    pieces = _CODE.split(text)
    return "".join(
        escaped(piece) if index % 2 else _with_references(escaped(piece), people, channels)
        for index, piece in enumerate(pieces)
    )


def _with_references(text: str, people: Mapping[str, str], channels: Mapping[str, str]) -> str:
    text = _ADDRESS.sub(lambda match: f"<{match.group()}>", text)
    for name in sorted(people, key=len, reverse=True):
        text = re.sub(rf"(?<!\w)@{re.escape(escaped(name))}(?!\w)", f"<@{people[name]}>", text)
    for name in sorted(channels, key=len, reverse=True):
        text = re.sub(rf"(?<!\w)#{re.escape(name)}(?!\w)", f"<#{channels[name]}|{name}>", text)
    return text


def rich_text(text: str, block_id: str) -> list[dict[str, Any]]:
    """One rich text section with the same words as the mrkdwn text; marks such as ``*`` stay as they were typed."""
    section = {"type": "rich_text_section", "elements": list(_elements(text))}
    return [{"type": "rich_text", "block_id": block_id, "elements": [section]}]


def _elements(text: str) -> Iterator[dict[str, Any]]:
    at = 0
    for match in _REFERENCE.finditer(text):
        if match.start() > at:
            yield {"type": "text", "text": unescaped(text[at : match.start()])}
        yield _reference(match.group(1))
        at = match.end()
    if at < len(text):
        yield {"type": "text", "text": unescaped(text[at:])}


def _reference(inside: str) -> dict[str, Any]:
    target, _, label = inside.partition("|")
    match target[0]:
        case "@":
            return {"type": "user", "user_id": target[1:]}
        case "#":
            return {"type": "channel", "channel_id": target[1:]}
        case "!":
            return {"type": "broadcast", "range": target[1:]}
        case _:
            link = {"type": "link", "url": unescaped(target)}
            return link | ({"text": unescaped(label)} if label else {})


def from_markdown(markdown: str) -> str:
    """What a streamed text reads back as (``conversations.replies``): bold, headings, bullets and links converted."""
    text = escaped(markdown)
    text = re.sub(r"\[([^\]]*)\]\(([^)]*)\)", r"<\2|\1>", text)
    text = re.sub(r"\*\*([^\n]+?)\*\*", r"*\1*", text)
    text = re.sub(r"^#+ ", "", text, flags=re.MULTILINE)
    return re.sub(r"^[-*] ", "• ", text, flags=re.MULTILINE)
