"""Methods by which the bot writes."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from adapters.standins.telegram.chats import Chat, thread_of
from adapters.standins.telegram.entities import formatted, units
from adapters.standins.telegram.keyboards import read_keyboard
from adapters.standins.telegram.messages import ShownMessage, Version
from adapters.standins.telegram.refusals import bad_request
from adapters.standins.telegram.world import DRAFT_SECONDS, Draft

if TYPE_CHECKING:
    from adapters.standins.telegram.parameters import Parameters
    from adapters.standins.telegram.refusals import Json
    from adapters.standins.telegram.world import World

DELETABLE_SECONDS = 48 * 3600
NOT_MODIFIED = (
    "message is not modified: specified new message content and reply markup are exactly the same as a current"
    " content and reply markup of the message"
)
ACTIONS = frozenset(
    [
        "typing",
        "upload_photo",
        "record_video",
        "upload_video",
        "record_voice",
        "upload_voice",
        "upload_document",
        "choose_sticker",
        "find_location",
        "record_video_note",
        "upload_video_note",
    ]
)


async def send_message(world: World, call: Parameters) -> Json:
    """``sendMessage``."""
    version = _content(call)
    chat = world.chats.writable(call.text("chat_id"))
    topic = thread_of(chat, call.integer("message_thread_id"))
    reply_to = _replied(world, chat, call)
    world.flood.charge(chat.id, private=chat.private)
    world.bot_wrote(chat, topic)
    return world.as_json(world.messages.add(chat, world.bot, version, topic=topic, reply_to=reply_to))


async def edit_message_text(world: World, call: Parameters) -> Json:
    """``editMessageText``. Without ``reply_markup`` the keyboard goes."""
    version = _content(call)
    return _edit(world, _editable(world, call), version)


async def edit_message_reply_markup(world: World, call: Parameters) -> Json:
    """``editMessageReplyMarkup``."""
    keyboard = read_keyboard(call)
    message = _editable(world, call)
    return _edit(world, message, replace(message.now, keyboard=keyboard))


async def delete_message(world: World, call: Parameters) -> bool:
    """``deleteMessage``: the bot's own, and in private chats the other's, for two days."""
    chat = world.chats.writable(call.text("chat_id"))
    message = _message(world, chat, call.integer("message_id"), "message to delete")
    is_ours = message.from_bot or chat.private or world.bot.id in chat.administrators
    if not is_ours or world.now() - message.sent_at > DELETABLE_SECONDS:
        raise bad_request("message can't be deleted")
    world.messages.delete(message)
    return True


async def send_chat_action(world: World, call: Parameters) -> bool:
    """``sendChatAction``."""
    action = call.text("action")
    if action not in ACTIONS:
        raise bad_request("wrong parameter action in request")
    chat = world.chats.writable(call.text("chat_id"))
    world.show_typing(chat, thread_of(chat, call.integer("message_thread_id")), action)
    return True


async def send_message_draft(world: World, call: Parameters) -> bool:
    """``sendMessageDraft``: private chats only, without buttons; an empty text shows as thinking."""
    _refuse_parse_mode(call)
    chat = world.chats.writable(call.text("chat_id"))
    if not chat.private:
        raise bad_request("message drafts can be sent only to private chats")
    if not (draft_id := call.integer("draft_id")):
        raise bad_request("draft_id must be non-zero")
    topic = thread_of(chat, call.integer("message_thread_id"))
    text = call.text("text")
    shown, entities = formatted(text, call.listing("entities") or ()) if text else ("", ())
    world.flood.charge(chat.id, private=True)
    draft = Draft(draft_id, shown, entities, world.now() + DRAFT_SECONDS, call.flag("can_stop"))
    world.show_draft(chat, topic, draft)
    return True


async def set_message_reaction(world: World, call: Parameters) -> bool:
    """``setMessageReaction``: one for each message."""
    chat = world.chats.writable(call.text("chat_id"))
    message = _message(world, chat, call.integer("message_id"), "message to react")
    reactions = call.listing("reaction") or []
    if len(reactions) > 1 or not all(isinstance(r, dict) and r.get("emoji") for r in reactions):
        raise bad_request("REACTIONS_TOO_MANY" if len(reactions) > 1 else "invalid reaction type specified")
    world.messages.react(message, reactions[0]["emoji"] if reactions else "")
    return True


def _content(call: Parameters) -> Version:
    _refuse_parse_mode(call)
    text, entities = formatted(call.text("text"), call.listing("entities") or ())
    wanted = call.mapping("link_preview_options").get("is_disabled") is not True
    leads_on = any(entity["type"] in {"url", "text_link"} for entity in entities)
    return Version(text, entities, read_keyboard(call), preview=wanted and leads_on)


def _refuse_parse_mode(call: Parameters) -> None:
    # Reading HTML and Markdown as Telegram does is a program of its own, and plausch sends entities.
    if call.text("parse_mode"):
        raise bad_request("unsupported parse_mode: this stand-in reads entities only")


def _message(world: World, chat: Chat, message_id: int, what: str) -> ShownMessage:
    message = world.messages.get(chat.id, message_id)
    if message is None:
        raise bad_request(f"{what} not found")
    return message


def _editable(world: World, call: Parameters) -> ShownMessage:
    chat = world.chats.writable(call.text("chat_id"))
    if "message_id" not in call:
        raise bad_request("message identifier is not specified")
    message = _message(world, chat, call.integer("message_id"), "message to edit")
    if message.sender.id != world.bot.id:
        raise bad_request("message can't be edited")
    return message


def _edit(world: World, message: ShownMessage, version: Version) -> Json:
    """An edit that changes nothing is refused, and still costs budget."""
    world.flood.charge(message.chat_id, private=world.chats.known(message.chat_id).private)
    if version.shows_the_same_as(message.now):
        raise bad_request(NOT_MODIFIED)
    return world.as_json(world.messages.edit(message, version))


def _replied(world: World, chat: Chat, call: Parameters) -> int | None:
    wanted = call.mapping("reply_parameters")
    message_id = wanted.get("message_id") or call.integer("reply_to_message_id")
    if not message_id:
        return None
    replied = world.messages.get(chat.id, int(message_id))
    if replied is None:
        if wanted.get("allow_sending_without_reply") or call.flag("allow_sending_without_reply"):
            return None
        raise bad_request("message to be replied not found")
    quote = str(wanted.get("quote", ""))
    if quote and (quote not in replied.text or units(quote) > 1024):  # noqa: PLR2004 - the Bot API's limit
        raise bad_request("QUOTE_TEXT_INVALID")
    return replied.message_id
