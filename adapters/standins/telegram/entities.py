"""Formatting by entities. Offsets and lengths count UTF-16 units, as everywhere in the Bot API."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from adapters.standins.telegram.refusals import Json, bad_request

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

LONGEST_TEXT = 4096
MOST_ENTITIES = 100
BLANK = " \n"
KNOWN = frozenset(
    [
        "mention",
        "hashtag",
        "cashtag",
        "bot_command",
        "url",
        "email",
        "phone_number",
        "bold",
        "italic",
        "underline",
        "strikethrough",
        "spoiler",
        "blockquote",
        "expandable_blockquote",
        "code",
        "pre",
        "text_link",
        "text_mention",
        "custom_emoji",
        "date_time",
    ]
)
# What the server finds in a text by itself. Its own patterns know more (bare domains, mail addresses, numbers).
FOUND = {
    "bot_command": re.compile(r"(?<![\w/<>])/[A-Za-z0-9_]{1,64}(?:@[A-Za-z0-9_]{3,32})?(?![\w/<>])"),
    "mention": re.compile(r"(?<!\w)@[A-Za-z0-9_]{4,32}(?!\w)"),
    "url": re.compile(r"https?://[^\s<>\"]*[^\s<>\".,;:!?)]"),
    "hashtag": re.compile(r"(?<!\w)#\w*[^\W\d]\w*"),
}


def units(text: str) -> int:
    """The length as Telegram counts it."""
    return len(text.encode("utf-16-le")) // 2


def cut(text: str, entity: Json) -> str:
    """The words that an entity covers."""
    start, end = 2 * entity["offset"], 2 * (entity["offset"] + entity["length"])
    return text.encode("utf-16-le")[start:end].decode("utf-16-le", "replace")


def formatted(text: str, given: Sequence[Any]) -> tuple[str, tuple[Json, ...]]:
    """The text as it will be shown and what formats it, at most 100 entities. Raises ``Refusal``."""
    checked = [_checked(entity, text) for entity in given]
    wanted = sorted((e for e in checked if e is not None), key=lambda e: (e["offset"], -e["length"]))
    _refuse_crossing(wanted)
    text, kept = _trimmed(text, wanted)
    if not text:
        raise bad_request("message text is empty")
    if units(text) > LONGEST_TEXT:
        raise bad_request("message is too long")
    return text, tuple(_by_place([*kept, *found(text, kept)])[:MOST_ENTITIES])


def found(text: str, beside: Iterable[Json] = ()) -> list[Json]:
    """Commands, mentions, addresses and hashtags that no other entity covers."""
    entities = list(beside)
    new: list[Json] = []
    for kind, pattern in FOUND.items():
        for match in pattern.finditer(text):
            entity = {"type": kind, "offset": units(text[: match.start()]), "length": units(match[0])}
            if not any(_touch(entity, other) for other in (*entities, *new)):
                new.append(entity)
    return _by_place(new)


def _checked(entity: Any, text: str) -> Json | None:
    if not isinstance(entity, dict):
        raise bad_request("can't parse entities: expected an Object as MessageEntity")
    offset, length = entity.get("offset"), entity.get("length")
    if not isinstance(offset, int) or not isinstance(length, int) or offset < 0 or length < 0:
        raise bad_request("can't parse entities: wrong offset or length")
    if entity.get("type") not in KNOWN:
        raise bad_request("can't parse entities: unsupported type specified")
    _refuse_outside(text, offset, offset + length)
    if entity["type"] == "text_link" and not re.match(r"(https?|tg|mailto):", str(entity.get("url", ""))):
        return None
    return entity if length else None


def _refuse_outside(text: str, start: int, end: int) -> None:
    encoded = text.encode("utf-16-le")
    for place, words in ((start, "begins"), (end, "ends")):
        before = f"can't parse entities: entity beginning at UTF-16 offset {start} {words}"
        if 2 * place > len(encoded):
            raise bad_request(f"{before} after the end of the text at byte offset {len(text.encode())}")
        if b"\xdc" <= encoded[2 * place + 1 : 2 * place + 2] <= b"\xdf":
            here = len(encoded[: 2 * place].decode("utf-16-le", "replace").encode())
            raise bad_request(f"{before} in a middle of a UTF-16 symbol at byte offset {here}")


def _refuse_crossing(entities: Sequence[Json]) -> None:
    # Telegram splits some of these; none of them is what the sender meant, so the stand-in says so.
    for index, first in enumerate(entities):
        for second in entities[index + 1 :]:
            if second["offset"] < _end(first) < _end(second):
                raise bad_request(f"can't parse entities: entities overlap at UTF-16 offset {second['offset']}")


def _trimmed(text: str, entities: Sequence[Json]) -> tuple[str, list[Json]]:
    """Blank ends are not shown (the text before the first entity, and behind everything)."""
    text = text.rstrip(BLANK)
    room = min((e["offset"] for e in entities), default=units(text))
    lead = min(len(text) - len(text.lstrip(BLANK)), room)
    text = text[lead:]
    moved = [
        {**e, "offset": e["offset"] - lead, "length": min(e["length"], units(text) + lead - e["offset"])}
        for e in entities
    ]
    return text, [e for e in moved if e["length"] > 0]


def _end(entity: Json) -> int:
    return int(entity["offset"]) + int(entity["length"])


def _touch(one: Json, other: Json) -> bool:
    inline = other["type"] in {
        "bold",
        "italic",
        "underline",
        "strikethrough",
        "spoiler",
        "blockquote",
        "expandable_blockquote",
    }
    return not inline and one["offset"] < _end(other) and other["offset"] < _end(one)


def _by_place(entities: Sequence[Json]) -> list[Json]:
    return sorted(entities, key=lambda e: (e["offset"], -e["length"]))
