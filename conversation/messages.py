"""What people say, whatever platform it came from."""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime


class Role(StrEnum):
    """Who speaks in a prompt."""

    USER = "user"
    ASSISTANT = "assistant"


@dataclass(frozen=True, slots=True)
class ConversationKey:
    """Which conversation on which platform.

    Slack: team, channel, ``ts`` of the thread's first message. Telegram: bot, chat, topic (or ""). Web and terminal:
    one workspace, "", session.
    """

    platform: str
    workspace: str
    channel: str
    thread: str = ""


@dataclass(frozen=True, slots=True)
class Author:
    """The person (or bot) who wrote. ``id`` is the platform's; name and locale only as far as the event told them."""

    id: str
    name: str | None = None
    locale: str | None = None
    is_bot: bool = False

    def __post_init__(self) -> None:
        object.__setattr__(self, "name", self.name and storable(self.name))
        object.__setattr__(self, "locale", self.locale and storable(self.locale))


@dataclass(frozen=True, slots=True)
class Attachment:
    """A file that came with a message. It is named, never fetched. ``size`` is in bytes."""

    name: str
    media_type: str
    size: int | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "name", storable(self.name))
        object.__setattr__(self, "media_type", storable(self.media_type))


@dataclass(frozen=True, slots=True)
class Mention:
    """``text[start:end]`` (code points) stands for a person; kept beside the text, so that nobody can forge one."""

    start: int
    end: int
    person: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """One message, normalised: text is Markdown, our own mention is removed, code is kept to the letter.

    ``identity`` is the message's own on its platform (never the event's): however often it is delivered, it is the
    same. ``edit`` is empty for the message as it was first sent; an edited one has what its platform counts edits by.
    """

    conversation: ConversationKey
    identity: str
    author: Author
    text: str
    sent_at: datetime
    mentions: tuple[Mention, ...] = ()
    attachments: tuple[Attachment, ...] = ()
    edit: str = ""
    direct: bool = True
    """Nobody else is in the room."""
    mentioned: bool = False
    """It calls us by name, or is a command that the platform knows as ours: only then a bare word is a command."""
    addressed: bool = True
    """It wants an answer. What does not is stored as context of its room."""
    native_id: str = ""
    """What the platform calls the message in its room; a reply refers to it."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "text", storable(self.text))

    def with_names(self, names: Mapping[str, str]) -> str:
        """The text, each mention of a person replaced by ``@name`` (or left as it is where the name is not known)."""
        text = self.text
        for mention in sorted(self.mentions, key=lambda mention: mention.start, reverse=True):
            if name := names.get(mention.person):
                text = f"{text[: mention.start]}@{in_one_line(name)}{text[mention.end :]}"
        return text

    def at(self, conversation: ConversationKey) -> Message:
        """The same message in another conversation (a chat that moved)."""
        return replace(self, conversation=conversation)


# NUL can't be stored by PostgreSQL, a lone surrogate can't be encoded at all. Nothing else is changed on entry.
_UNSTORABLE = {0: None} | dict.fromkeys(range(0xD800, 0xE000))


def storable(text: str) -> str:
    """The text without NUL and lone surrogates."""
    if text.isascii() and "\0" not in text:
        return text
    return text.translate(_UNSTORABLE)


def in_one_line(name: str) -> str:
    """A name without line breaks: with them it could speak for the next person."""
    return " ".join(name.split())
