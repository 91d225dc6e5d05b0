"""``chat.startStream``, ``chat.appendStream``, ``chat.stopStream``, and the status under a thread."""

from __future__ import annotations

from typing import TYPE_CHECKING

from adapters.standins.slack.limits import MARKDOWN_LIMIT
from adapters.standins.slack.model import BOT_USER, Json, Kind, Posted, Refused, Stream
from adapters.standins.slack.wire import message_json
from adapters.standins.slack.workspace import SESSION_STATES

if TYPE_CHECKING:
    from adapters.standins.slack.arguments import Arguments
    from adapters.standins.slack.methods_chat import Api, Method


def _markdown(arguments: Arguments) -> str:
    """The new text of a stream. The limit counts for each chunk, not for the whole message."""
    markdown, chunks = arguments.text("markdown_text"), arguments.structure("chunks")
    if markdown and chunks:
        raise Refused("cannot_provide_both_markdown_text_and_chunks")
    texts = [markdown] if markdown else [_chunk(chunk) for chunk in chunks or ()]
    if any(len(text) > MARKDOWN_LIMIT for text in texts):
        raise Refused("msg_too_long")
    return "".join(texts)


def _chunk(chunk: object) -> str:
    if not isinstance(chunk, dict) or not isinstance(chunk.get("type"), str):
        raise Refused("invalid_chunks")
    return str(chunk.get("text", "")) if chunk["type"] == "markdown_text" else ""


def _check_recipient(api: Api, arguments: Arguments) -> None:
    user, team = arguments.text("recipient_user_id"), arguments.text("recipient_team_id")
    if not user:
        raise Refused("missing_recipient_user_id")
    if not team:
        raise Refused("missing_recipient_team_id")
    if (person := api.workspace.people.get(user)) is None:
        raise Refused("user_not_found")
    # Of a guest by Slack Connect it is the guest's own team.
    if person.team != team:
        raise Refused("team_not_found")


def start(api: Api, arguments: Arguments) -> Json:
    """``chat.startStream``: always a reply; in channels it names who reads it. It takes no metadata."""
    channel = api.workspace.joined(arguments.text("channel"))
    thread_ts = arguments.required("thread_ts")
    if "metadata" in arguments.values:
        raise Refused("invalid_arguments", "additional field: metadata")
    if channel.kind is not Kind.DIRECT:
        _check_recipient(api, arguments)
    message = api.workspace.post(
        channel.id,
        BOT_USER,
        _markdown(arguments),
        is_markdown=True,
        by_app=True,
        thread_ts=thread_ts,
        stream=Stream(api.workspace.clock()),
    )
    api.announcer.created(message)
    return {"channel": channel.id, "ts": message.ts}


def _open_stream(api: Api, arguments: Arguments) -> Posted:
    channel = api.workspace.channel(arguments.text("channel"))
    message = api.workspace.message(channel.id, arguments.text("ts"))
    if not message.by_app:
        raise Refused("message_not_owned_by_app")
    if message.stream is not None and message.stream.stopped_by_user:
        raise Refused("stopped_by_user")
    if not message.streaming:
        raise Refused("message_not_in_streaming_state")
    return message


def append(api: Api, arguments: Arguments) -> Json:
    """``chat.appendStream``."""
    message = _open_stream(api, arguments)
    if not (arguments.text("markdown_text") or arguments.structure("chunks")):
        raise Refused("no_text")
    if text := _markdown(arguments):
        api.workspace.rewrite(message, message.text + text)
    return {"channel": message.channel, "ts": message.ts}


def stop(api: Api, arguments: Arguments) -> Json:
    """``chat.stopStream``: the last text, blocks below it and, only here, metadata."""
    message = _open_stream(api, arguments)
    text, blocks, metadata = _markdown(arguments), arguments.blocks(), arguments.metadata()
    state = arguments.text("session_status")
    if state and state not in SESSION_STATES:
        raise Refused("invalid_arguments", "unsupported value: session_status")
    previous = api.announcer.snapshot(message)
    if message.stream is not None:
        message.stream.open = False
    message.blocks = blocks or message.blocks
    message.metadata = metadata or message.metadata
    api.workspace.rewrite(message, message.text + text)
    if state:
        api.workspace.set_status(message.channel, message.thread_ts, state)
    api.announcer.changed(message, previous)
    body = message_json(api.workspace, message, metadata=True)
    return {"channel": message.channel, "ts": message.ts, "message": body}


def set_session_status(api: Api, arguments: Arguments) -> Json:
    """``agents.sessions.setStatus``: one of four states; in a thread it needs the thread."""
    status = arguments.required("status")
    if status not in SESSION_STATES:
        raise Refused("invalid_arguments", "unsupported value: status")
    channel = api.workspace.joined(arguments.text("channel_id"))
    api.workspace.set_status(channel.id, arguments.required("thread_ts"), status)
    return {"status": status, "agent_status": status, "title": arguments.text("title")}


def set_thread_status(api: Api, arguments: Arguments) -> Json:
    """``assistant.threads.setStatus``: any words; none take it away."""
    channel = api.workspace.joined(arguments.text("channel_id"))
    api.workspace.set_status(channel.id, arguments.required("thread_ts"), arguments.text("status"))
    return {}


METHODS: dict[str, tuple[Method, str]] = {
    "chat.startStream": (start, "chat:write"),
    "chat.appendStream": (append, "chat:write"),
    "chat.stopStream": (stop, "chat:write"),
    "agents.sessions.setStatus": (set_session_status, "chat:write"),
    "assistant.threads.setStatus": (set_thread_status, "chat:write"),
}
