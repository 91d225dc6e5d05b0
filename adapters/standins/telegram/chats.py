"""Who talks where."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum

from adapters.standins.telegram.refusals import Json, Refusal, bad_request, forbidden, migrated

GENERAL_TOPIC = 1
SUPERGROUP_BASE = -1_000_000_000_000


class ChatKind(StrEnum):
    """As the Bot API names them."""

    PRIVATE = "private"
    GROUP = "group"
    SUPERGROUP = "supergroup"


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody with a Telegram client, or the bot."""

    id: int
    first_name: str
    last_name: str = ""
    username: str = ""
    language_code: str = ""
    is_bot: bool = False

    def as_json(self) -> Json:
        """A ``User``."""
        user: Json = {"id": self.id, "is_bot": self.is_bot, "first_name": self.first_name}
        for name in ("last_name", "username", "language_code"):
            if value := getattr(self, name):
                user[name] = value
        return user


@dataclass(slots=True)
class Chat:
    """``closed`` is why the bot may not write (the text of a 403); ``migrated_to`` the id that took over."""

    id: int
    kind: ChatKind
    title: str = ""
    person: Person | None = None
    is_forum: bool = False
    topics: dict[int, str] = field(default_factory=dict)
    members: dict[int, Person] = field(default_factory=dict)
    administrators: set[int] = field(default_factory=set)
    closed: str = ""
    migrated_to: int = 0

    @property
    def private(self) -> bool:
        """One person and the bot."""
        return self.kind is ChatKind.PRIVATE

    def as_json(self) -> Json:
        """A ``Chat``."""
        if self.person is not None:
            user = self.person.as_json()
            return {"id": self.id, "type": "private"} | {
                name: user[name] for name in ("first_name", "last_name", "username") if name in user
            }
        chat: Json = {"id": self.id, "type": self.kind.value, "title": self.title}
        return chat | {"is_forum": True} if self.is_forum else chat


class Chats:
    """Every chat that the bot knows; any other is "chat not found", as for a person who never wrote to it."""

    def __init__(self) -> None:
        self._chats: dict[int, Chat] = {}

    def private(self, person: Person) -> Chat:
        """The person's chat with the bot; made where there was none."""
        members = {person.id: person}
        return self._chats.setdefault(person.id, Chat(person.id, ChatKind.PRIVATE, person=person, members=members))

    def add(self, kind: ChatKind, title: str, members: tuple[Person, ...], *, is_forum: bool = False) -> Chat:
        """A new group; the first member made it."""
        number = len(self._chats) + 1
        chat_id = SUPERGROUP_BASE - number if kind is ChatKind.SUPERGROUP else -number
        chat = Chat(chat_id, kind, title, is_forum=is_forum, members={member.id: member for member in members})
        chat.administrators.update(member.id for member in members[:1])
        self._chats[chat_id] = chat
        return chat

    def known(self, chat_id: int) -> Chat:
        """Raises ``Refusal``: chat not found."""
        if chat_id not in self._chats:
            raise bad_request("chat not found")
        return self._chats[chat_id]

    def named(self, chat_id: str) -> Chat:
        """The chat of a call. Raises ``Refusal``."""
        if not chat_id:
            raise bad_request("chat_id is empty")
        if not chat_id.lstrip("-").isdecimal():
            raise bad_request("chat not found")
        return self.known(int(chat_id))

    def writable(self, chat_id: str) -> Chat:
        """A chat that the bot may write to. Raises ``Refusal``: not found, blocked, kicked, migrated."""
        chat = self.named(chat_id)
        if refusal := why_not(chat):
            raise refusal
        return chat


def why_not(chat: Chat) -> Refusal | None:
    """What the server says to a bot that writes there."""
    if chat.migrated_to:
        return migrated(chat.migrated_to)
    return forbidden(chat.closed) if chat.closed else None


def thread_of(chat: Chat, thread: int) -> int | None:
    """The topic to write to. Only forums have any (Client.cpp ``check_message_topic``), General goes without an id."""
    if not thread or not (chat.is_forum or chat.private):
        return None
    if thread == GENERAL_TOPIC or thread not in chat.topics:
        raise bad_request("message thread not found")
    return thread
