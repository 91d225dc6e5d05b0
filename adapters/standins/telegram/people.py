"""What people do in their clients."""

from __future__ import annotations

from secrets import token_urlsafe
from typing import TYPE_CHECKING, Any

from adapters.standins.telegram.chats import Chat, ChatKind, Person
from adapters.standins.telegram.entities import cut, found
from adapters.standins.telegram.messages import ShownMessage, Version
from adapters.standins.telegram.world import Press, StoredFile

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from adapters.standins.telegram.refusals import Json
    from adapters.standins.telegram.world import World

ANONYMOUS_ADMINISTRATOR = Person(1087968824, "Group", username="GroupAnonymousBot", is_bot=True)


class People:
    """Each action changes what is to be seen and, where the bot is told of such things, makes an update."""

    def __init__(self, world: World) -> None:
        self._world = world

    def private(self, person: Person) -> Chat:
        """The person's chat with the bot. Before it exists, the bot can't write to the person."""
        return self._world.chats.private(person)

    def group(self, title: str, *members: Person) -> Chat:
        """A basic group; the first member made it."""
        return self._world.chats.add(ChatKind.GROUP, title, members)

    def supergroup(self, title: str, *members: Person) -> Chat:
        """A supergroup without topics: a reply there carries the number of its thread."""
        return self._world.chats.add(ChatKind.SUPERGROUP, title, members)

    def forum(self, title: str, *members: Person) -> Chat:
        """A supergroup with topics; General is there from the start and has no number."""
        return self._world.chats.add(ChatKind.SUPERGROUP, title, members, is_forum=True)

    def topic(self, chat: Chat, name: str, from_: Person) -> int:
        """Open a topic. Its number is that of the service message that opens it."""
        fields = {"forum_topic_created": {"name": name, "icon_color": 7322096}}
        message = self._world.messages.add(chat, from_, Version(""), fields=fields)
        chat.topics[message.message_id] = name
        self._tell("message", chat, message)
        return message.message_id

    def say(  # noqa: PLR0913 - what a message consists of
        self,
        chat: Chat | Person,
        text: str,
        from_: Person | None = None,
        *,
        entities: Sequence[Json] | None = None,
        reply_to: int | None = None,
        topic: int | None = None,
        fields: Mapping[str, Any] | None = None,
    ) -> int:
        """Write a message; returns its id. Commands and mentions are found in the text unless ``entities`` are given.

        ``fields`` adds to the message's JSON (a photo, a caption, ``sender_chat``). In a private chat the person is
        the sender.
        """
        chat = self._chat(chat)
        sender = _sender(chat, from_)
        chat.members.setdefault(sender.id, sender)
        version = Version(text, tuple(found(text) if entities is None else entities))
        message = self._world.messages.add(chat, sender, version, topic=topic, reply_to=reply_to, fields=fields)
        if self._reaches_the_bot(chat, message):
            self._tell("message", chat, message)
        return message.message_id

    def edit(self, chat: Chat | Person, message_id: int, text: str, *, entities: Sequence[Json] | None = None) -> None:
        """Change what one wrote before."""
        chat = self._chat(chat)
        version = Version(text, tuple(found(text) if entities is None else entities))
        message = self._world.messages.edit(self._message(chat, message_id), version)
        if self._reaches_the_bot(chat, message):
            self._tell("edited_message", chat, message)

    def delete(self, chat: Chat | Person, message_id: int) -> None:
        """Delete a message. Telegram tells bots nothing about it."""
        self._world.messages.delete(self._message(self._chat(chat), message_id))

    def press(
        self, chat: Chat | Person, message_id: int, data: str, from_: Person | None = None, *, forged: bool = False
    ) -> str:
        """Press a button below a message; returns the callback's id. A ``forged`` press says what no button says."""
        chat = self._chat(chat)
        message = self._message(chat, message_id)
        if not forged and not any(button.get("callback_data") == data for button in message.buttons()):
            raise ValueError(f"message {message_id} has no such button")
        sender = _sender(chat, from_)
        press = Press(token_urlsafe(8), chat.id, self._world.now())
        self._world.presses[press.callback_id] = press
        payload = {"id": press.callback_id, "from": sender.as_json(), "data": data, "chat_instance": str(chat.id)}
        payload["message"] = self._world.as_json(message)
        self._world.updates.add("callback_query", payload, f"callback {sender.id}")
        return press.callback_id

    def answer_to(self, callback_id: str) -> Json | None:
        """What the presser's client shows (``text``, ``show_alert``); None while it still waits."""
        return self._world.presses[callback_id].answer

    def stop_draft(self, person: Person, topic: int | None = None) -> None:
        """Press Stop on a draft that offers it."""
        chat = self._chat(person)
        draft = self._world.draft(chat, topic)
        if draft is None or not draft.can_stop:
            raise ValueError("there is no draft with a stop button")
        thread = {} if topic is None else {"message_thread_id": topic}
        payload = {"chat": chat.as_json(), "draft_id": draft.draft_id, **thread}
        self._world.updates.add("stopped_message_generation", payload, f"stop {chat.id}")

    def block(self, person: Person) -> None:
        """Block the bot: it can't write to the person any more."""
        self._close(self._chat(person), person, "bot was blocked by the user")

    def unblock(self, person: Person) -> None:
        """Take the bot back."""
        chat = self._chat(person)
        chat.closed = ""
        self._tell_membership(chat, person, "kicked", "member")

    def kick(self, chat: Chat, from_: Person) -> None:
        """Remove the bot from a group."""
        self._close(chat, from_, f"bot was kicked from the {chat.kind} chat")

    def invite(self, chat: Chat, from_: Person) -> None:
        """Add the bot to a group."""
        chat.closed = ""
        self._tell_membership(chat, from_, "left", "member")

    def migrate(self, chat: Chat) -> Chat:
        """Make a supergroup of a group. The old id is refused from now on, with the new one beside it."""
        members = tuple(chat.members.values())
        new = self._world.chats.add(ChatKind.SUPERGROUP, chat.title, members)
        chat.migrated_to = new.id
        maker = next(iter(members), ANONYMOUS_ADMINISTRATOR)
        self._service(chat, maker, {"migrate_to_chat_id": new.id})
        anonymous = {"migrate_from_chat_id": chat.id, "sender_chat": new.as_json()}
        self._service(new, ANONYMOUS_ADMINISTRATOR, anonymous)
        return new

    def upload(self, content: bytes, size: int | None = None) -> str:
        """A file that the bot can fetch; returns its id. ``size`` plays a larger one."""
        file_id = token_urlsafe(16)
        self._world.files[file_id] = StoredFile(content, len(content) if size is None else size)
        return file_id

    def _service(self, chat: Chat, sender: Person, fields: Json) -> None:
        self._tell("message", chat, self._world.messages.add(chat, sender, Version(""), fields=fields))

    def _close(self, chat: Chat, person: Person, why: str) -> None:
        chat.closed = why
        self._tell_membership(chat, person, "member", "kicked")

    def _tell(self, kind: str, chat: Chat, message: ShownMessage) -> None:
        self._world.updates.add(kind, self._world.messages.as_json(chat, message), f"chat {chat.id}")

    def _tell_membership(self, chat: Chat, person: Person, before: str, after: str) -> None:
        payload = {"chat": chat.as_json(), "from": person.as_json(), "date": int(self._world.now())}
        payload |= {"old_chat_member": self._membership(before), "new_chat_member": self._membership(after)}
        self._world.updates.add("my_chat_member", payload, f"membership {chat.id}")

    def _membership(self, status: str) -> Json:
        until = {"until_date": 0} if status == "kicked" else {}
        return {"user": self._world.bot.as_json(), "status": status, **until}

    def _reaches_the_bot(self, chat: Chat, message: ShownMessage) -> bool:
        """In privacy mode, groups pass on commands and replies to the bot only; mentions do not arrive."""
        if chat.closed or chat.migrated_to:
            return False
        if chat.private or not self._world.tuning.privacy_mode or self._world.bot.id in chat.administrators:
            return True
        replied = self._world.messages.get(chat.id, message.reply_to or 0)
        return (replied is not None and replied.from_bot) or any(
            self._is_for_us(cut(message.text, entity)) for entity in message.entities if entity["type"] == "bot_command"
        )

    def _is_for_us(self, command: str) -> bool:
        _, _, addressee = command.partition("@")
        return addressee.lower() in {"", self._world.bot.username.lower()}

    def _chat(self, chat: Chat | Person) -> Chat:
        return self.private(chat) if isinstance(chat, Person) else chat

    def _message(self, chat: Chat, message_id: int) -> ShownMessage:
        message = self._world.messages.get(chat.id, message_id)
        if message is None:
            raise ValueError(f"there is no message {message_id}")
        return message


def _sender(chat: Chat, from_: Person | None) -> Person:
    sender = from_ or chat.person
    if sender is None:
        raise ValueError("say who writes in a group")
    return sender
