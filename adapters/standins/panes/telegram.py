"""The pane over stand-in Telegram: a private chat with the bot."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from adapters.standins.telegram.changes import ChangeKind
from adapters.standins.telegram.chats import Person

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from adapters.standins.panes.pane import Json, Written
    from adapters.standins.telegram.changes import Change, Watcher
    from adapters.standins.telegram.messages import ShownMessage
    from adapters.standins.telegram.server import StandInTelegram

_NAMES = {"de": ("Max", "Mustermann"), "en": ("John", "Doe")}


class TelegramPane:
    """A private chat for each language's sample person. ``first_person`` is the first one's id.

    The ids should be new with each start: a known person would have a conversation that the pane does not show.
    """

    most: Final = 4096

    def __init__(self, telegram: StandInTelegram, first_person: int) -> None:
        self._telegram = telegram
        self.people = {
            language: Person(first_person + number, *name, language_code=language)
            for number, (language, name) in enumerate(_NAMES.items())
        }
        for person in self.people.values():
            telegram.private(person)

    def person(self, language: str) -> str:
        """The sample person's name."""
        return " ".join(_NAMES[language])

    def everything(self, language: str) -> Json:
        """The chat, and the commands that the bot offers."""
        person = self.people[language]
        profile = self._telegram.profile
        return {
            "kind": "all",
            "messages": [_message(message) for message in self._telegram.transcript(person)],
            "commands": profile.get(f"commands/{language}") or profile.get("commands", []),
        }

    def changes(self, language: str) -> AsyncIterator[Json]:
        """See ``Pane.changes``."""
        return _follow(self._telegram.changes(), self.people[language].id)

    async def say(self, language: str, written: Written) -> None:
        """Write to the bot."""
        self._telegram.say(self.people[language], written.text)

    async def stop(self, language: str, thread: str) -> None:
        """A private chat has no stop button: the command does it."""
        del thread
        self._telegram.say(self.people[language], "/stop")


async def _follow(changes: Watcher, chat_id: int) -> AsyncIterator[Json]:
    async for change in changes:
        if change.chat_id == chat_id and (event := _event(change)):
            yield event


def _event(change: Change) -> Json | None:
    match change.kind:
        case ChangeKind.MESSAGE | ChangeKind.EDIT | ChangeKind.REACTION if change.message:
            return {"kind": "message", "message": _message(change.message)}
        case ChangeKind.DELETED if change.message:
            return {"kind": "gone", "id": str(change.message.message_id)}
        case ChangeKind.TYPING:
            return {"kind": "typing", "thread": "", "text": change.text}
    return None


def _message(message: ShownMessage) -> Json:
    return {
        "id": str(message.message_id),
        "at": message.sent_at,
        "name": message.sender.first_name,
        "own": not message.from_bot,
        "bot": message.from_bot,
        "text": message.text,
        "entities": message.entities,
    }
