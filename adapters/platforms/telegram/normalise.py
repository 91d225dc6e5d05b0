"""One update of Telegram's becomes a message, another event, or nothing. Calls nobody."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from adapters.platforms.telegram.addressing import ASK, as_said, command, replies_to_us, with_quote, words
from adapters.platforms.telegram.contents import attachments, author
from adapters.platforms.telegram.entities import as_markdown
from adapters.platforms.telegram.whole import whole
from conversation.messages import ConversationKey, Message

if TYPE_CHECKING:
    from adapters.platforms.telegram.entities import Said, Us

PLATFORM = "telegram"
_GENERAL = 1
# Who calls us and says nothing else wants to know what we do.
_NOTHING_SAID = "/help"
# Telegram keeps the last list where none is sent, so all that is wanted is always named.
ALLOWED_UPDATES = ["message", "edited_message", "my_chat_member"]

_SERVICE = (
    "new_chat_members", "left_chat_member", "new_chat_title", "new_chat_photo", "delete_chat_photo", "pinned_message",
    "group_chat_created", "supergroup_chat_created", "channel_chat_created", "message_auto_delete_timer_changed",
    "forum_topic_created", "forum_topic_edited", "forum_topic_closed", "forum_topic_reopened", "migrate_from_chat_id",
    "general_forum_topic_hidden", "general_forum_topic_unhidden", "video_chat_scheduled", "video_chat_started",
    "video_chat_ended", "video_chat_participants_invited", "users_shared", "chat_shared", "write_access_allowed",
    "connected_website", "boost_added", "chat_background_set", "giveaway_created", "giveaway", "giveaway_winners",
    "giveaway_completed", "proximity_alert_triggered", "web_app_data", "successful_payment", "refunded_payment",
    "gift", "unique_gift", "gift_upgrade_sent", "passport_data", "paid_message_price_changed",
    "direct_message_price_changed", "checklist_tasks_done", "checklist_tasks_added", "chat_owner_left",
    "chat_owner_changed", "suggested_post_approved", "suggested_post_declined", "suggested_post_paid",
    "suggested_post_refunded", "suggested_post_approval_failed",
)  # fmt: skip


class Unreadable(Exception):
    """The update is not as Telegram describes it; the reason says where."""


@dataclass(frozen=True, slots=True)
class Moved:
    """A group became a supergroup: its chat has a new id."""

    old: int
    new: int


def normalise(update: object, us: Us) -> Message | Moved | None:
    """What the update tells us; None where it is not for us. Raises ``Unreadable``."""
    match update:
        case {"message": dict(raw)}:
            return _message(raw, us, edited=False)
        case {"edited_message": dict(raw)}:
            return _message(raw, us, edited=True)
        case {"message": _} | {"edited_message": _}:
            raise Unreadable("the message is no object")
        case {"update_id": int()}:
            return None
        case _:
            raise Unreadable("no update")


def chat_of(update: object) -> object:
    """What the update's order matters for: its chat, as far as it can be read."""
    match update:
        case {"message": {"chat": {"id": int(chat)}}} | {"edited_message": {"chat": {"id": int(chat)}}}:
            return chat
        case _:
            return None


def _message(raw: dict[str, Any], us: Us, *, edited: bool) -> Message | Moved | None:
    chat, number = _chat(raw), _whole(raw, "message_id")
    if "migrate_to_chat_id" in raw:
        return Moved(chat, _whole(raw, "migrate_to_chat_id"))
    if raw.get("is_automatic_forward") or any(kind in raw for kind in _SERVICE):
        return None
    writer = author(raw)
    if writer is None:
        raise Unreadable("nobody wrote the message")
    if writer.is_bot:
        return None
    direct = raw["chat"].get("type") == "private"
    said = _said(raw, us, direct=direct)
    if said is None:
        return None
    files = attachments(raw)
    if not said.text and not files and not said.calls_us:
        raise Unreadable("the message has a content that is not known here")
    return Message(
        conversation=ConversationKey(PLATFORM, str(us.id), str(chat), _topic(raw)),
        identity=f"{us.id}:{chat}:{number}",
        author=writer,
        text=said.text or ("" if files else _NOTHING_SAID),
        sent_at=_time(raw, "date"),
        mentions=said.mentions,
        attachments=files,
        edit=str(_whole(raw, "edit_date")) if edited else "",
        direct=direct,
        mentioned=said.calls_us,
        native_id=str(number),
    )


def _said(raw: dict[str, Any], us: Us, *, direct: bool) -> Said | None:
    """What the message says to us; None where it is not for us."""
    text, entities = words(raw)
    given = command(text, entities)
    ours = given if given is not None and given.is_for(us, direct=direct) else None
    if given is not None and given.bot and ours is None:
        return None
    said = as_markdown(text, entities, us, start=ours.end if ours else 0)
    if ours is not None:
        said = as_said(ours, said)
        return with_quote(said, raw, us) if ours.name in ASK else said
    if direct or said.calls_us or replies_to_us(raw, us):
        return with_quote(said, raw, us)
    return None


def _chat(raw: dict[str, Any]) -> int:
    chat = raw.get("chat")
    number = whole(chat.get("id")) if isinstance(chat, dict) else None
    if number is None:
        raise Unreadable("the message has no chat")
    return number


def _topic(raw: dict[str, Any]) -> str:
    """The topic. Reply threads have a number too, and the General topic is written to without its own."""
    topic = whole(raw.get("message_thread_id"))
    return str(topic) if raw.get("is_topic_message") and topic not in {None, _GENERAL} else ""


def _whole(raw: dict[str, Any], name: str) -> int:
    value = whole(raw.get(name))
    if value is None:
        raise Unreadable(f"the message has no {name}")
    return value


def _time(raw: dict[str, Any], name: str) -> datetime:
    try:
        return datetime.fromtimestamp(_whole(raw, name), UTC)
    except (ValueError, OverflowError, OSError):
        raise Unreadable(f"the message's {name} is no time") from None
