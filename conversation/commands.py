"""Commands: words that speak to the service, not to the model."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from conversation.messages import Message


class Command(StrEnum):
    """What the service answers itself, without the model."""

    NEW = "new"
    STOP = "stop"
    HELP = "help"
    ABOUT = "about"
    FULL = "full"
    """No person's word: too many questions wait already."""


WORDS = {
    "neu": Command.NEW,
    "new": Command.NEW,
    "stop": Command.STOP,
    "stopp": Command.STOP,
    "hilfe": Command.HELP,
    "help": Command.HELP,
    "info": Command.ABOUT,
    "about": Command.ABOUT,
}
# Telegram sends "/start" when a person opens the chat; the bare word means nothing to us.
_ONLY_WITH_SLASH = {"start": Command.HELP}


def read(message: Message) -> Command | None:
    """The command that this message is: only such a word, and nothing else, said to us alone or after our name."""
    if not (message.direct or message.mentioned) or message.attachments or message.edit:
        return None
    word = message.text.strip().casefold()
    if not word.startswith("/"):
        return WORDS.get(word)
    word = word[1:].split(maxsplit=1)[0] if len(word) > 1 else ""
    return WORDS.get(word) or _ONLY_WITH_SLASH.get(word)
