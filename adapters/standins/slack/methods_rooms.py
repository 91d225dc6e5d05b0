"""Methods that read rooms and people, and the small rest."""

from __future__ import annotations

from typing import TYPE_CHECKING

from adapters.standins.slack.model import BOT, BOT_USER, SCOPE_PREFIX, TEAM, Channel, Json, Kind, Posted, Refused
from adapters.standins.slack.records import ChangeKind
from adapters.standins.slack.wire import message_json, person_json
from adapters.standins.slack.workspace import DOMAIN

if TYPE_CHECKING:
    from collections.abc import Sequence

    from adapters.standins.slack.arguments import Arguments
    from adapters.standins.slack.methods_chat import Api, Method


def auth_test(api: Api, _: Arguments) -> Json:
    """``auth.test``: who the token is."""
    return {
        "url": f"https://{DOMAIN}.slack.com/",
        "team": "Stand-in",
        "user": api.workspace.people[BOT_USER].name,
        "team_id": TEAM,
        "user_id": BOT_USER,
        "bot_id": BOT,
        "is_enterprise_install": False,
    }


def api_test(_: Api, arguments: Arguments) -> Json:
    """``api.test``: says back what it was told."""
    if error := arguments.text("error"):
        raise Refused(error, args=dict(arguments.values))
    return {"args": dict(arguments.values)}


def open_connection(api: Api, _: Arguments) -> Json:
    """``apps.connections.open``: an address for one socket."""
    return {"url": api.open_link()}


def replies(api: Api, arguments: Arguments) -> Json:
    """``conversations.replies``: the thread's first message, then what was answered, oldest first."""
    channel = api.workspace.joined(arguments.text("channel"))
    ts = arguments.required("ts")
    try:
        asked = api.workspace.message(channel.id, ts)
    except Refused:
        raise Refused("thread_not_found") from None
    thread = [asked] if asked.is_reply else [asked, *api.workspace.replies(asked)]
    chosen = [message for message in thread if message is asked or _wanted(message, arguments)]
    return _page(api, arguments, chosen, default=1000)


def history(api: Api, arguments: Arguments) -> Json:
    """``conversations.history``: what stands outside threads, newest first."""
    channel = api.workspace.joined(arguments.text("channel"))
    found = [message for message in api.workspace.top_level(channel.id) if _wanted(message, arguments)]
    return _page(api, arguments, found[::-1], default=100)


def _wanted(message: Posted, arguments: Arguments) -> bool:
    oldest, latest, ts = arguments.text("oldest"), arguments.text("latest"), message.ts
    if arguments.flag("inclusive") and ts in {oldest, latest}:
        return True
    return (not oldest or float(ts) > float(oldest)) and (not latest or float(ts) < float(latest))


def _page(api: Api, arguments: Arguments, messages: Sequence[Posted], default: int) -> Json:
    size = max(1, min(arguments.number("limit", default), api.history_limit))
    start = arguments.number("cursor", 0)
    metadata = arguments.flag("include_all_metadata")
    page = [_with_thread(api, message, metadata=metadata) for message in messages[start : start + size]]
    more = start + size < len(messages)
    answer: Json = {"messages": page, "has_more": more}
    return answer | ({"response_metadata": {"next_cursor": str(start + size)}} if more else {})


def _with_thread(api: Api, message: Posted, *, metadata: bool) -> Json:
    body = message_json(api.workspace, message, metadata=metadata)
    if message.is_reply or not (below := api.workspace.replies(message)):
        return body
    users = list(dict.fromkeys(reply.user for reply in below))
    counts = {"reply_count": len(below), "reply_users": users, "reply_users_count": len(users)}
    return body | counts | {"thread_ts": message.ts, "latest_reply": below[-1].ts}


def info(api: Api, arguments: Arguments) -> Json:
    """``conversations.info``."""
    return {"channel": channel_json(api.workspace.channel(arguments.text("channel")))}


def channel_json(channel: Channel) -> Json:
    """A room as Slack describes it."""
    body: Json = {"id": channel.id, "is_archived": channel.archived, "context_team_id": TEAM}
    body |= {"is_channel": channel.kind is Kind.PUBLIC, "is_group": False, "is_im": channel.kind is Kind.DIRECT}
    body |= {"is_private": channel.kind is Kind.PRIVATE, "is_mpim": False}
    if channel.kind is Kind.DIRECT:
        return body | {"user": channel.person}
    return body | {"name": channel.name, "name_normalized": channel.name, "is_member": channel.app_is_member}


def open_direct(api: Api, arguments: Arguments) -> Json:
    """``conversations.open`` with one person, or with the id of a direct room."""
    if channel_id := arguments.text("channel"):
        channel = api.workspace.channel(channel_id)
    else:
        channel = api.workspace.direct(arguments.required("users"))
    whole = channel_json(channel) if arguments.flag("return_im") else {"id": channel.id}
    return {"channel": whole}


def user_info(api: Api, arguments: Arguments) -> Json:
    """``users.info``."""
    person = api.workspace.people.get(arguments.text("user"))
    if person is None:
        raise Refused("user_not_found")
    return {"user": person_json(person, locale=arguments.flag("include_locale"))}


def react(api: Api, arguments: Arguments) -> Json:
    """``reactions.add``."""
    channel = api.workspace.joined(arguments.text("channel"))
    name = arguments.required("name").strip(":")
    message = api.workspace.message(channel.id, arguments.text("timestamp"))
    if name in message.reactions:
        raise Refused("already_reacted")
    message.reactions.append(name)
    api.workspace.tell(ChangeKind.REACTED, message)
    return {}


def scope_of_room(api: Api, arguments: Arguments, right: str) -> str:
    """Reading a room asks for the scope of its kind, as ``channels:history`` or ``im:read``."""
    return f"{SCOPE_PREFIX[api.workspace.channel(arguments.text('channel')).kind]}:{right}"


METHODS: dict[str, tuple[Method, str]] = {
    "auth.test": (auth_test, ""),
    "api.test": (api_test, ""),
    "apps.connections.open": (open_connection, "connections:write"),
    "conversations.replies": (replies, "*:history"),
    "conversations.history": (history, "*:history"),
    "conversations.info": (info, "*:read"),
    "conversations.open": (open_direct, "im:write"),
    "users.info": (user_info, "users:read"),
    "reactions.add": (react, "reactions:write"),
}
