"""Whom a message is for: commands, and what people quote."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from adapters.platforms.telegram.entities import Said, as_markdown, spans
from conversation.commands import WORDS
from conversation.messages import Mention

if TYPE_CHECKING:
    from adapters.platforms.telegram.entities import Us

ASK = frozenset({"ask", "frage"})
# These say to the model what the word says.
_SAID = frozenset({"weiter", "continue"})
# In a group a bare command reaches every bot: these are taken for ours.
_OURS = ASK | _SAID | WORDS.keys() | {"start"}

_QUOTE_LENGTH = 600
# In a topic each message "replies" to the service message that opened the topic.
_OPENED_TOPIC = "forum_topic_created"


@dataclass(frozen=True, slots=True)
class Command:
    """``/name@bot`` at the beginning of a text. ``end`` is where the rest begins (code points)."""

    name: str
    bot: str
    end: int

    def is_for(self, us: Us, *, direct: bool) -> bool:
        """Whether it is ours: by our name; where none is given, in private chats and where we know the command."""
        if self.bot:
            return self.bot.casefold() == us.username.casefold()
        return direct or self.name in _OURS


def command(text: str, entities: object) -> Command | None:
    """The command that the text begins with, if Telegram sees one."""
    for span in spans(text, entities):
        if span.kind == "bot_command" and span.start == 0:
            name, _, bot = text[1 : span.end].partition("@")
            return Command(name.casefold(), bot, span.end)
    return None


def as_said(given: Command, rest: Said) -> Said:
    """What a command of ours says: ``/ask`` its text, ``/weiter`` its word; any other stays a command."""
    if given.name in ASK:
        return replace(rest, calls_us=True)
    if given.name == "start":
        # What follows comes from a link that somebody made, not from the person.
        return Said("/start", calls_us=True)
    word = given.name if given.name in _SAID else f"/{given.name}"
    return replace(_after(f"{word} " if rest.text else word, rest), calls_us=True)


def replied_to(message: dict[str, Any]) -> dict[str, Any] | None:
    """The message that this one replies to."""
    replied = message.get("reply_to_message")
    return replied if isinstance(replied, dict) and _OPENED_TOPIC not in replied else None


def replies_to_us(message: dict[str, Any], us: Us) -> bool:
    """Whether this is a reply to a message of ours."""
    match replied_to(message):
        case {"from": {"id": int(number)}}:
            return number == us.id
        case _:
            return False


def with_quote(said: Said, message: dict[str, Any], us: Us) -> Said:
    """What was said, before it what it refers to. Our own answers are known anyway, unless a part of one was marked."""
    quoted = _quoted(message, us)
    if not quoted:
        return said
    lines = "\n".join(f"> {line}".rstrip() for line in quoted.splitlines())
    return _after(f"{lines}\n\n", said) if said.text else Said(lines, calls_us=said.calls_us)


def _quoted(message: dict[str, Any], us: Us) -> str:
    quote = message.get("quote")
    if isinstance(quote, dict) and isinstance(marked := quote.get("text"), str):
        return _short(as_markdown(marked, quote.get("entities"), us).text)
    replied = replied_to(message)
    if replied is None or replies_to_us(message, us):
        return ""
    text, entities = words(replied)
    return _short(as_markdown(text, entities, us).text)


def words(message: dict[str, Any]) -> tuple[str, object]:
    """The text and its entities, or those of a file's caption."""
    for text, entities in (("text", "entities"), ("caption", "caption_entities")):
        value = message.get(text)
        if isinstance(value, str):
            return value, message.get(entities)
    return "", None


def _short(text: str) -> str:
    return text if len(text) <= _QUOTE_LENGTH else f"{text[:_QUOTE_LENGTH].rstrip()} …"


def _after(before: str, said: Said) -> Said:
    moved = tuple(Mention(at.start + len(before), at.end + len(before), at.person) for at in said.mentions)
    return replace(said, text=before + said.text, mentions=moved)
