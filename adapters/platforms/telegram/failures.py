"""What a failed call means, in the core's words."""

from __future__ import annotations

from telegram.error import BadRequest, ChatMigrated, Forbidden, NetworkError, TelegramError

from adapters.platforms.telegram.transport import Flood, NotSent, ServerTrouble
from conversation.errors import (
    MessageGone,
    OutcomeUnknown,
    PlatformError,
    PlatformUnreachable,
    TooFast,
    Undeliverable,
)

_GONE = ("message to edit not found", "message can't be edited", "message_id_invalid", "message identifier")
_UNCHANGED = "message is not modified"
_UNDELETABLE = ("message to delete not found", "message can't be deleted")
_UNFORMATTABLE = ("can't parse entities", "entity", "entities", "wrong http url", "url host is empty")
_NO_TOPIC = ("message thread not found", "topic_deleted")
_NO_QUESTION = ("replied not found", "reply message not found", "reply_message_id_invalid")


def says(error: TelegramError, *texts: str) -> bool:
    """Whether the refusal has one of these texts; the library changes their capital letters."""
    text = str(error).casefold()
    return any(known in text for known in texts)


def unchanged(error: TelegramError) -> bool:
    """The edit changes nothing: the person sees already what we want."""
    return says(error, _UNCHANGED)


def undeletable(error: TelegramError) -> bool:
    """It is gone already, or so old that it stays for ever."""
    return says(error, *_UNDELETABLE)


def unformattable(error: TelegramError) -> bool:
    """Telegram does not like the entities; without them the text can be shown."""
    return says(error, *_UNFORMATTABLE)


def no_topic(error: TelegramError) -> bool:
    """The topic was deleted."""
    return says(error, *_NO_TOPIC)


def no_question(error: TelegramError) -> bool:
    """The message that we reply to was deleted."""
    return says(error, *_NO_QUESTION)


def meaning(error: TelegramError, *, repeatable: bool) -> PlatformError:
    """The port's error. ``repeatable``: doing it twice is harmless, so that an unknown outcome is none.

    The library's ``BadRequest`` and ``TimedOut`` are its ``NetworkError`` too, so the order matters.
    """
    match error:
        case Flood(seconds=seconds):
            return TooFast(seconds)
        case BadRequest() if says(error, *_GONE):
            return MessageGone(str(error))
        case Forbidden() | ChatMigrated() | BadRequest():
            # Blocked, chat not found, no right to write, topic closed …: the same call would be refused again.
            return Undeliverable(str(error))
        case NetworkError() if not (repeatable or isinstance(error, NotSent | ServerTrouble)):
            return OutcomeUnknown(f"Telegram: {type(error).__name__}")
        case _:
            return PlatformUnreachable(f"Telegram: {type(error).__name__}")
