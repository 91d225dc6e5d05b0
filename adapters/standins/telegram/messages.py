"""What is to be seen in each chat, and what was to be seen before."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from adapters.standins.telegram.changes import Change, ChangeKind

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from adapters.standins.telegram.changes import Changes
    from adapters.standins.telegram.chats import Chat, Person
    from adapters.standins.telegram.refusals import Json


@dataclass(frozen=True, slots=True)
class Version:
    """One state of a message; ``at`` in seconds since 1970. The keyboard is an ``InlineKeyboardMarkup`` or None.

    ``preview``: Telegram fetches the first address in it and shows what it found there.
    """

    text: str
    entities: tuple[Json, ...] = ()
    keyboard: Json | None = None
    at: float = 0.0
    preview: bool = False

    def shows_the_same_as(self, other: Version) -> bool:
        """Whether nobody could tell them apart."""
        return replace(self, at=0.0) == replace(other, at=0.0)


@dataclass(frozen=True, slots=True)
class ShownMessage:
    """A message with its history, oldest version first. ``fields`` is what else stands in its JSON (photo, …)."""

    chat_id: int
    message_id: int
    sender: Person
    versions: tuple[Version, ...]
    topic: int | None = None
    reply_to: int | None = None
    fields: Mapping[str, Any] = field(default_factory=dict)
    deleted_at: float | None = None
    reaction: str = ""

    @property
    def now(self) -> Version:
        """What is shown."""
        return self.versions[-1]

    @property
    def text(self) -> str:
        """The words that are shown."""
        return self.now.text

    @property
    def entities(self) -> tuple[Json, ...]:
        """What formats them."""
        return self.now.entities

    @property
    def keyboard(self) -> Json | None:
        """The buttons below."""
        return self.now.keyboard

    @property
    def from_bot(self) -> bool:
        """Whether the bot wrote it."""
        return self.sender.is_bot

    @property
    def sent_at(self) -> float:
        """Seconds since 1970."""
        return self.versions[0].at

    def buttons(self) -> list[Json]:
        """All buttons, row by row."""
        return [button for row in (self.keyboard or {}).get("inline_keyboard", ()) for button in row]


class Messages:
    """Messages by chat and id. Supergroups count for themselves, all other chats share one counter, as in Telegram."""

    def __init__(self, changes: Changes, now: Callable[[], float], first_id: int) -> None:
        self._changes = changes
        self._now = now
        self._next: defaultdict[int, int] = defaultdict(lambda: first_id)
        self._all: defaultdict[int, dict[int, ShownMessage]] = defaultdict(dict)

    def add(  # noqa: PLR0913 - what a message consists of
        self,
        chat: Chat,
        sender: Person,
        version: Version,
        *,
        topic: int | None = None,
        reply_to: int | None = None,
        fields: Mapping[str, Any] | None = None,
    ) -> ShownMessage:
        """Show a new message."""
        message_id = self._take_id(chat)
        shown = replace(version, at=self._now())
        message = ShownMessage(chat.id, message_id, sender, (shown,), topic, reply_to, dict(fields or {}))
        return self._put(message, ChangeKind.MESSAGE)

    def edit(self, message: ShownMessage, version: Version) -> ShownMessage:
        """Show another version."""
        versions = (*message.versions, replace(version, at=self._now()))
        return self._put(replace(message, versions=versions), ChangeKind.EDIT)

    def delete(self, message: ShownMessage) -> None:
        """Show it no longer."""
        self._put(replace(message, deleted_at=self._now()), ChangeKind.DELETED)

    def react(self, message: ShownMessage, emoji: str) -> None:
        """Show the bot's reaction."""
        self._put(replace(message, reaction=emoji), ChangeKind.REACTION)

    def get(self, chat_id: int, message_id: int) -> ShownMessage | None:
        """The message, if it is to be seen."""
        message = self._all[chat_id].get(message_id)
        return None if message is None or message.deleted_at is not None else message

    def transcript(self, chat_id: int, *, deleted: bool = False) -> list[ShownMessage]:
        """Oldest first; the deleted ones too where they are asked for."""
        return [message for message in self._all[chat_id].values() if deleted or message.deleted_at is None]

    def as_json(self, chat: Chat, message: ShownMessage, *, nested: bool = False) -> Json:
        """A ``Message``. What it replies to comes with it, but not what that replies to."""
        body: Json = {"message_id": message.message_id, "from": message.sender.as_json(), "chat": chat.as_json()}
        body |= {"date": int(message.sent_at), **message.fields}
        if message.text:
            body["text"] = message.text
        if message.entities:
            body["entities"] = list(message.entities)
        if message.keyboard:
            body["reply_markup"] = message.keyboard
        if len(message.versions) > 1:
            body["edit_date"] = int(message.now.at)
        if not nested:
            body |= self._reply(chat, message)
        return body | self._thread(chat, message)

    def _reply(self, chat: Chat, message: ShownMessage) -> Json:
        # In a topic, a message that replies to nothing names the service message that opened the topic.
        replied = self.get(chat.id, message.reply_to or message.topic or 0)
        return {} if replied is None else {"reply_to_message": self.as_json(chat, replied, nested=True)}

    def _thread(self, chat: Chat, message: ShownMessage) -> Json:
        if message.topic is not None:
            return {"message_thread_id": message.topic, "is_topic_message": True}
        root = self.root(chat, message.reply_to)
        return {} if root is None else {"message_thread_id": root}

    def root(self, chat: Chat, message_id: int | None) -> int | None:
        """A supergroup without topics numbers its threads of replies by their first message."""
        if message_id is None or chat.kind != "supergroup" or chat.is_forum:
            return None
        replied = self._all[chat.id].get(message_id)
        return message_id if replied is None else self.root(chat, replied.reply_to) or message_id

    def _take_id(self, chat: Chat) -> int:
        """In a supergroup, number 1 is the message that tells of its founding (and the number of a forum's General)."""
        own = chat.kind == "supergroup"
        counter, lowest = (chat.id, 2) if own else (0, 1)
        message_id = max(lowest, self._next[counter])
        self._next[counter] = message_id + 1
        return message_id

    def _put(self, message: ShownMessage, kind: ChangeKind) -> ShownMessage:
        self._all[message.chat_id][message.message_id] = message
        self._changes.publish(Change(kind, message.chat_id, message, message.topic))
        return message
