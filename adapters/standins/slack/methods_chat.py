"""``chat.*`` but for streams."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

from adapters.standins.slack.limits import MARKDOWN_LIMIT, TEXT_LIMIT, UPDATE_TEXT_LIMIT
from adapters.standins.slack.model import BOT_USER, Json, Posted, Refused
from adapters.standins.slack.records import ChangeKind
from adapters.standins.slack.wire import message_json

if TYPE_CHECKING:
    from collections.abc import Callable

    from adapters.standins.slack.announcing import Announcer
    from adapters.standins.slack.arguments import Arguments
    from adapters.standins.slack.workspace import Workspace


@dataclass(frozen=True, slots=True)
class Api:
    """What methods work on."""

    workspace: Workspace
    announcer: Announcer
    open_link: Callable[[], str]
    """A fresh address for a socket; it is good for one connection."""
    history_limit: int
    """Messages that a page of history has at most."""


Method: TypeAlias = "Callable[[Api, Arguments], Json]"


@dataclass(frozen=True, slots=True)
class _Content:
    text: str
    is_markdown: bool


def _content(arguments: Arguments, limit: int) -> _Content:
    text, markdown = arguments.text("text"), arguments.text("markdown_text")
    if markdown and (text or arguments.structure("blocks")):
        raise Refused("markdown_text_conflict")
    if len(markdown) > MARKDOWN_LIMIT or len(text) > limit:
        raise Refused("msg_too_long")
    if not (text or markdown or arguments.blocks() or arguments.structure("attachments")):
        raise Refused("no_text")
    return _Content(markdown or text, bool(markdown))


def post_message(api: Api, arguments: Arguments) -> Json:
    """``chat.postMessage``; a person's id as channel opens the direct room."""
    target = arguments.text("channel")
    if target in api.workspace.people:
        target = api.workspace.direct(target).id
    channel = api.workspace.joined(target)
    if channel.archived:
        raise Refused("is_archived")
    content = _content(arguments, TEXT_LIMIT)
    message = api.workspace.post(
        channel.id,
        BOT_USER,
        content.text,
        is_markdown=content.is_markdown,
        by_app=True,
        thread_ts=arguments.text("thread_ts"),
        blocks=arguments.blocks(),
        attachments=arguments.structure("attachments") or [],
        metadata=arguments.metadata(),
    )
    api.announcer.created(message)
    return {"channel": channel.id, "ts": message.ts, "message": message_json(api.workspace, message, metadata=True)}


def _own(api: Api, arguments: Arguments, refusal: str) -> Posted:
    channel = api.workspace.channel(arguments.text("channel"))
    message = api.workspace.message(channel.id, arguments.text("ts"))
    if not message.by_app:
        raise Refused(refusal)
    return message


def update(api: Api, arguments: Arguments) -> Json:
    """``chat.update``; blocks that are not given stay, an empty list takes them away."""
    message = _own(api, arguments, "cant_update_message")
    if message.streaming:
        raise Refused("streaming_state_conflict")
    content = _content(arguments, UPDATE_TEXT_LIMIT)
    blocks, metadata = arguments.blocks(), arguments.metadata()
    previous = api.announcer.snapshot(message)
    message.blocks = message.blocks if blocks is None else blocks
    message.metadata = metadata or message.metadata
    message.is_markdown = content.is_markdown
    message.edited = {"user": BOT_USER, "ts": api.workspace.new_ts()}
    api.workspace.rewrite(message, content.text)
    api.announcer.changed(message, previous)
    body = message_json(api.workspace, message, metadata=True)
    return {"channel": message.channel, "ts": message.ts, "text": body["text"], "message": body}


def delete(api: Api, arguments: Arguments) -> Json:
    """``chat.delete``."""
    message = _own(api, arguments, "cant_delete_message")
    if message.streaming:
        raise Refused("cant_delete_message")
    remove(api.workspace, api.announcer, message)
    return {"channel": message.channel, "ts": message.ts}


def remove(workspace: Workspace, announcer: Announcer, message: Posted) -> None:
    """Take a message away, whoever wrote it."""
    previous = announcer.snapshot(message)
    message.deleted = True
    workspace.tell(ChangeKind.DELETED, message)
    announcer.deleted(message, previous)


def post_ephemeral(api: Api, arguments: Arguments) -> Json:
    """``chat.postEphemeral``."""
    channel = api.workspace.joined(arguments.text("channel"))
    user = arguments.required("user")
    if user not in api.workspace.people:
        raise Refused("user_not_in_channel")
    content = _content(arguments, TEXT_LIMIT)
    api.workspace.whisper(channel.id, user, content.text, arguments.text("thread_ts"))
    return {"message_ts": api.workspace.new_ts()}


METHODS: dict[str, tuple[Method, str]] = {
    "chat.postMessage": (post_message, "chat:write"),
    "chat.update": (update, "chat:write"),
    "chat.delete": (delete, "chat:write"),
    "chat.postEphemeral": (post_ephemeral, "chat:write"),
}
