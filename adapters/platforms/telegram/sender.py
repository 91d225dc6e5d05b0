"""The calls that write into chats."""

from __future__ import annotations

from collections import OrderedDict
from typing import TYPE_CHECKING, TypeVar

from telegram import LinkPreviewOptions, MessageEntity, ReplyParameters
from telegram.error import BadRequest, ChatMigrated, TelegramError

from adapters.platforms.telegram.failures import meaning, no_question, no_topic, unchanged, undeletable, unformattable
from adapters.platforms.telegram.formatting import PLACEHOLDER, Part
from conversation.errors import TooFast

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from adapters.platforms.telegram.formatting import Entity
    from adapters.platforms.telegram.pacing import Pacing
    from adapters.platforms.telegram.transport import Api
    from conversation.places import Place

T = TypeVar("T")

_REMEMBERED = 1024
# What a model calls an address is often none.
_NO_PREVIEW = LinkPreviewOptions(is_disabled=True)


class Sender:
    """Sends placeholders and fills them. Raises the port's errors."""

    def __init__(self, api: Api, pacing: Pacing) -> None:
        self._api = api
        self._pacing = pacing
        self._moved: OrderedDict[str, str] = OrderedDict()
        self._shown: OrderedDict[tuple[str, str], Part] = OrderedDict()

    def moved(self, old: str, new: str) -> None:
        """A group became a supergroup: what goes to its old chat goes to the new one from now on."""
        _remember(self._moved, old, new)

    async def begin(self, place: Place) -> str:
        """Send a placeholder; returns its id."""
        try:
            return await self._at(place, lambda chat: self._placeholder(place, chat))
        except TelegramError as error:
            raise self._meaning(place, error, repeatable=False) from None

    async def edit(self, place: Place, message_id: str, part: Part, *, last: bool) -> None:
        """Put the part into the message. What we put there last is not sent again: it would cost as much.

        The last edit may be repeated, since others may have written there meanwhile: it is not remembered.
        """
        key = (place.conversation.channel, message_id)
        # Until the call is through, nobody knows what stands there.
        if self._shown.pop(key, None) == part:
            if not last:
                _remember(self._shown, key, part)
            return
        try:
            await self._at(place, lambda chat: self._fill(place, chat, message_id, part))
        except TelegramError as error:
            raise self._meaning(place, error, repeatable=True) from None
        if not last:
            _remember(self._shown, key, part)

    async def _placeholder(self, place: Place, chat: str) -> str:
        try:
            return await self._send(place, chat, _topic(place), _question(place))
        except BadRequest as refusal:
            if no_topic(refusal):
                return await self._send(place, chat, None, _question(place))
            if no_question(refusal):
                return await self._send(place, chat, _topic(place), None)
            raise

    async def _send(self, place: Place, chat: str, topic: int | None, question: ReplyParameters | None) -> str:
        self._pacing.wrote(place.conversation.channel)
        number = await self._api.send(
            chat_id=chat,
            text=PLACEHOLDER,
            message_thread_id=topic,
            reply_parameters=question,
            link_preview_options=_NO_PREVIEW,
        )
        return str(number)

    async def remove(self, place: Place, message_id: str) -> None:
        """Delete the message. After two days Telegram lets nobody do that: it stays then."""
        self._shown.pop((place.conversation.channel, message_id), None)
        try:
            await self._at(place, lambda chat: self._api.delete_message(chat, int(message_id)))
        except BadRequest as refusal:
            if not undeletable(refusal):
                raise self._meaning(place, refusal, repeatable=True) from None
        except TelegramError as error:
            raise self._meaning(place, error, repeatable=True) from None

    async def _fill(self, place: Place, chat: str, message_id: str, part: Part) -> None:
        try:
            await self._put(place, chat, message_id, part)
        except BadRequest as refusal:
            if not (part.entities and unformattable(refusal)):
                raise
            await self._put(place, chat, message_id, part.plain())

    async def _put(self, place: Place, chat: str, message_id: str, part: Part) -> None:
        self._pacing.wrote(place.conversation.channel)
        try:
            await self._api.edit(
                chat_id=chat,
                message_id=int(message_id),
                text=part.text,
                entities=[_entity(entity) for entity in part.entities],
                link_preview_options=_NO_PREVIEW,
            )
        except BadRequest as refusal:
            if not unchanged(refusal):
                raise

    async def _at(self, place: Place, call: Callable[[str], Awaitable[T]]) -> T:
        """Call for the chat, wherever it has moved to."""
        channel = place.conversation.channel
        try:
            return await call(self._moved.get(channel, channel))
        except ChatMigrated as moved:
            self.moved(channel, str(moved.new_chat_id))
            return await call(str(moved.new_chat_id))

    def _meaning(self, place: Place, error: TelegramError, *, repeatable: bool) -> Exception:
        meant = meaning(error, repeatable=repeatable)
        if isinstance(meant, TooFast):
            self._pacing.pause(place.conversation.channel, meant.seconds)
        return meant


def _topic(place: Place) -> int | None:
    return int(place.conversation.thread) if place.conversation.thread else None


def _question(place: Place) -> ReplyParameters | None:
    """In a room with several people the answer says what it answers."""
    if place.direct or not place.reply_to:
        return None
    return ReplyParameters(int(place.reply_to), allow_sending_without_reply=True)


def _entity(entity: Entity) -> MessageEntity:
    return MessageEntity(
        entity.kind, entity.offset, entity.length, url=entity.url or None, language=entity.language or None
    )


K = TypeVar("K")
V = TypeVar("V")


def _remember(known: OrderedDict[K, V], key: K, value: V) -> None:
    known[key] = value
    known.move_to_end(key)
    while len(known) > _REMEMBERED:
        known.popitem(last=False)
