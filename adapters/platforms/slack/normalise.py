"""An event as Slack sent it, to a message. Calls nobody: events carry ids, names are looked up after the commit."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from adapters.platforms.names import clean
from adapters.platforms.slack.mrkdwn import to_markdown
from conversation.messages import Attachment, Author, ConversationKey, Message, storable

if TYPE_CHECKING:
    from collections.abc import Mapping

    from adapters.platforms.slack.account import Account

PLATFORM = "slack"

# What a person writes. All other subtypes (channel_join, bot_message, message_deleted, …) say something else.
_WRITTEN = (None, "file_share", "me_message", "thread_broadcast")
_SLACKBOT = "USLACKBOT"
_LARGEST = 1 << 63
_ID = re.compile(r"\w{1,64}", re.ASCII)
_TS = re.compile(r"\d{1,11}\.\d{1,6}", re.ASCII)


class Unreadable(Exception):
    """The event is one of ours and not as Slack describes it. The text is the reason, without any content."""


def normalise(body: Mapping[str, Any], account: Account) -> Message | None:
    """The message in an event's body, or None where it holds nothing for us.

    Direct messages and mentions are for us. A mention comes as ``app_mention``, and where the app is subscribed to a
    channel's messages as ``message`` too: both become the same message. Raises ``Unreadable``.
    """
    event = _mapping(body, "event")
    match event.get("type"):
        case "message" | "app_mention":
            return _message(event, account)
        case "agent_session_stopped":
            return _stop(event, account)
    return None


def recipient(body: Mapping[str, Any]) -> tuple[str, str] | None:
    """The author and the author's own team: in a Slack Connect channel it is not ours, and streams have to name it."""
    event = body.get("event")
    if not isinstance(event, dict):
        return None
    person, team = event.get("user"), event.get("user_team") or event.get("team")
    return (person, team) if isinstance(person, str) and isinstance(team, str) else None


def _message(event: Mapping[str, Any], account: Account) -> Message | None:
    written, edited = event, ""
    if event.get("subtype") == "message_changed":
        written = _mapping(event, "message")
        if not isinstance(written.get("edited"), dict):
            return None  # Slack itself changed it: a preview was added, a thread got a reply
    if written.get("subtype") not in _WRITTEN or written.get("bot_id"):
        return None
    if written.get("user") in (account.bot_user, _SLACKBOT):  # what Slack sends may be unhashable
        return None
    if isinstance(written.get("edited"), dict):
        edited = _ts(_mapping(written, "edited"), "ts")
    channel = _id(event, "channel")
    direct = event.get("channel_type") == "im" or channel.startswith("D")
    # What can't be stored goes first, so that the places of mentions stay right.
    converted = to_markdown(storable(_string(written, "text", empty=True)), account.bot_user)
    mentioned = converted.calls_us or event.get("type") == "app_mention"
    if not direct and not mentioned:
        return None
    ts = _ts(written, "ts")
    return Message(
        conversation=ConversationKey(PLATFORM, account.team, channel, _thread(written, ts)),
        identity=f"{account.team}:{channel}:{ts}",
        author=Author(_id(written, "user")),
        text=converted.text,
        sent_at=_time(ts),
        mentions=converted.mentions,
        attachments=_attachments(written.get("files")),
        edit=edited,
        direct=direct,
        mentioned=mentioned,
        native_id=ts,
    )


def _stop(event: Mapping[str, Any], account: Account) -> Message:
    """A press of Slack's own stop button, as the command that it stands for, in its thread."""
    channel, ts, thread = _id(event, "channel"), _ts(event, "event_ts"), _ts(event, "thread_ts")
    return Message(
        conversation=ConversationKey(PLATFORM, account.team, channel, thread),
        identity=f"{account.team}:{channel}:stop:{ts}",
        author=Author(_id(event, "user")),
        text="stop",
        sent_at=_time(ts),
        direct=channel.startswith("D"),
        mentioned=True,
        native_id=thread,
    )


def _thread(written: Mapping[str, Any], ts: str) -> str:
    """A message outside a thread opens one, in direct chats too."""
    return _ts(written, "thread_ts") if written.get("thread_ts") is not None else ts


def _time(ts: str) -> datetime:
    return datetime.fromtimestamp(float(ts), UTC)


def _attachments(files: object) -> tuple[Attachment, ...]:
    """Files, named only. One that was deleted meanwhile (a tombstone) or is described oddly is left out."""
    if not isinstance(files, list):
        return ()
    return tuple(_attachment(file) for file in files if isinstance(file, dict) and file.get("mode") != "tombstone")


def _attachment(file: Mapping[str, Any]) -> Attachment:
    size = file.get("size")
    return Attachment(
        name=next(filter(None, map(clean, (file.get("name"), file.get("title"), file.get("id")))), "?"),
        media_type=clean(file.get("mimetype")) or "application/octet-stream",
        size=size if type(size) is int and 0 <= size < _LARGEST else None,
    )


def _mapping(parent: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    value = parent.get(name)
    if not isinstance(value, dict):
        raise Unreadable(f"{name} is missing or no object")
    return value


def _string(parent: Mapping[str, Any], name: str, *, empty: bool = False) -> str:
    value = parent.get(name)
    if not isinstance(value, str) or not (value or empty):
        raise Unreadable(f"{name} is missing or no text")
    return value


def _id(parent: Mapping[str, Any], name: str) -> str:
    value = _string(parent, name)
    if not _ID.fullmatch(value):
        raise Unreadable(f"{name} is no id")
    return value


def _ts(parent: Mapping[str, Any], name: str) -> str:
    value = _string(parent, name)
    if not _TS.fullmatch(value):
        raise Unreadable(f"{name} is no time")
    return value
