"""Messages and events in the JSON that Slack writes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from adapters.standins.slack.model import APP, BOT, BOT_USER, TEAM, File, Json, Person, Posted
from adapters.standins.slack.mrkdwn import from_markdown, rich_text

if TYPE_CHECKING:
    from adapters.standins.slack.workspace import Workspace

# Texts that Slack itself writes carry no blocks and no client's id.
_BY_SLACK = frozenset({"channel_join", "channel_leave", "bot_message", "tombstone"})


def message_json(workspace: Workspace, message: Posted, *, metadata: bool = False) -> Json:
    """The message as events and ``conversations.replies`` carry it."""
    text = from_markdown(message.text) if message.is_markdown else message.text
    body: Json = {"type": "message", "ts": message.ts, "text": text}
    body |= _author(workspace, message)
    if message.subtype:
        body["subtype"] = message.subtype
    if message.blocks:
        body["blocks"] = message.blocks
    elif text and message.subtype not in _BY_SLACK:
        body["blocks"] = rich_text(text, block_id=f"b{message.ts[-5:]}")
    if message.thread_ts:
        body["thread_ts"] = message.thread_ts
    if message.is_reply and (parent := workspace.messages.get((message.channel, message.thread_ts))):
        body["parent_user_id"] = parent.user
    return body | _extras(message, metadata=metadata)


def _author(workspace: Workspace, message: Posted) -> Json:
    person = workspace.people[message.user]
    if message.by_app:
        profile: Json = {"id": BOT, "app_id": APP, "user_id": BOT_USER, "name": workspace.people[BOT_USER].name}
        profile |= {"deleted": False, "team_id": TEAM}
        return {"user": BOT_USER, "bot_id": BOT, "app_id": APP, "team": TEAM, "bot_profile": profile}
    if message.subtype == "bot_message":
        return {"bot_id": _bot_id(message.user), "username": person.name}
    if message.subtype in _BY_SLACK:
        return {"user": message.user}
    author: Json = {"user": person.id, "team": person.team}
    if person.is_bot:
        return author | {"bot_id": _bot_id(person.id), "app_id": "A0000000099"}
    return author | {"client_msg_id": f"00000000-0000-4000-8000-{message.ts.replace('.', '')[-12:]}"} | _guest(person)


def _guest(person: Person) -> Json:
    if person.team == TEAM:
        return {}
    return {"user_team": person.team, "source_team": person.team}


def _bot_id(user: str) -> str:
    return f"B{user[1:]}"


def _extras(message: Posted, *, metadata: bool) -> Json:
    extras: Json = {}
    if message.files:
        extras |= {"files": [file_json(file, message.user, message.ts) for file in message.files], "upload": False}
    if message.edited:
        extras["edited"] = message.edited
    if message.attachments:
        extras["attachments"] = message.attachments
    if message.reactions:
        extras["reactions"] = [{"name": name, "users": [BOT_USER], "count": 1} for name in message.reactions]
    if message.stream is not None:
        extras["streaming_state"] = "in_progress" if message.stream.open else "completed"
    if metadata and message.metadata:
        extras["metadata"] = message.metadata
    return extras


def file_json(file: File, user: str, ts: str) -> Json:
    """A file's description; its addresses lead nowhere."""
    file_id = f"F{ts.replace('.', '')[-9:]}"
    return {
        "id": file_id,
        "created": int(float(ts)),
        "timestamp": int(float(ts)),
        "name": file.name,
        "title": file.name,
        "mimetype": file.media_type,
        "filetype": file.name.rpartition(".")[2],
        "pretty_type": file.name.rpartition(".")[2].upper(),
        "user": user,
        "user_team": TEAM,
        "size": file.size,
        "mode": "hosted",
        "is_external": False,
        "is_public": True,
        "file_access": "visible",
        "url_private": f"https://files.example/{file_id}",
    }


def envelope(workspace: Workspace, event: Json, *, is_shared: bool = False) -> Json:
    """The event in what Slack wraps around it; each call makes a new event id."""
    return {
        "token": "deprecated",
        "team_id": TEAM,
        "context_team_id": TEAM,
        "context_enterprise_id": None,
        "api_app_id": APP,
        "event": event,
        "type": "event_callback",
        "event_id": workspace.new_id("Ev"),
        "event_time": int(workspace.clock()),
        "authorizations": [
            {
                "enterprise_id": None,
                "team_id": TEAM,
                "user_id": BOT_USER,
                "is_bot": True,
                "is_enterprise_install": False,
            }
        ],
        "is_ext_shared_channel": is_shared,
        "event_context": f"4-{workspace.new_id('E')}",
    }


def person_json(person: Person, *, locale: bool) -> Json:
    """What ``users.info`` tells; the locale only where it was asked for."""
    body: Json = {
        "id": person.id,
        "team_id": person.team,
        "name": person.name.lower().replace(" ", "."),
        "deleted": False,
        "real_name": person.name,
        "tz": "Europe/Berlin",
        "profile": {"real_name": person.name, "display_name": person.name, "team": person.team},
        "is_bot": person.is_bot,
        "is_app_user": False,
    }
    return body | ({"locale": person.locale} if locale else {})
