"""Slash commands, presses of buttons, and the addresses where the app answers them later."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from aiohttp import web

from adapters.standins.slack.model import APP, BOT_USER, TEAM, Channel, Json, Kind, Posted
from adapters.standins.slack.wire import message_json
from adapters.standins.slack.workspace import DOMAIN, Workspace

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from adapters.standins.slack.announcing import Announcer

RESPONSES = 5
RESPONSE_SECONDS = 1800.0


@dataclass(slots=True)
class _Address:
    channel: str
    user: str
    message: Posted | None
    until: float
    left: int = RESPONSES


class ResponseUrls:
    """Addresses that take five answers within thirty minutes."""

    def __init__(self, workspace: Workspace, announcer: Announcer, base: Callable[[], str]) -> None:
        self._workspace = workspace
        self._announcer = announcer
        self._base = base
        self._addresses: dict[str, _Address] = {}

    def new(self, channel: str, user: str, message: Posted | None = None) -> str:
        """A fresh address for one command or press."""
        key = uuid4().hex
        self._addresses[key] = _Address(channel, user, message, self._workspace.clock() + RESPONSE_SECONDS)
        return f"{self._base()}/response/{key}"

    async def handle(self, request: web.Request) -> web.Response:
        """An answer of the app."""
        address = self._addresses.get(request.match_info["key"])
        if address is None or self._workspace.clock() > address.until:
            return web.Response(status=404, text="expired_url")
        if not address.left:
            return web.Response(status=404, text="used_url")
        address.left -= 1
        body = await request.json()
        self.show(address.channel, address.user, body, address.message)
        return web.Response(text="ok")

    def show(self, channel: str, user: str, body: Any, message: Posted | None = None) -> str:
        """Show an answer, to one person or to the room, and return its text."""
        answer: Json = body if isinstance(body, dict) else {"text": body}
        text = str(answer.get("text") or "")
        if message is not None and answer.get("replace_original"):
            previous = self._announcer.snapshot(message)
            message.blocks = answer.get("blocks") or []
            self._workspace.rewrite(message, text)
            self._announcer.changed(message, previous)
        elif answer.get("response_type") == "in_channel":
            posted = self._workspace.post(channel, BOT_USER, text, by_app=True, blocks=answer.get("blocks"))
            self._announcer.created(posted)
        elif text:
            self._workspace.whisper(channel, user, text)
        return text


def command_form(workspace: Workspace, channel: Channel, user: str, command: str, text: str) -> Json:
    """What a slash command sends, but for the response address."""
    return {
        "token": "deprecated",
        "team_id": TEAM,
        "team_domain": DOMAIN,
        "channel_id": channel.id,
        "channel_name": "directmessage" if channel.kind is Kind.DIRECT else channel.name,
        "user_id": user,
        "user_name": workspace.people[user].name.lower(),
        "command": command,
        "text": text,
        "api_app_id": APP,
        "is_enterprise_install": "false",
        "trigger_id": trigger_id(workspace),
    }


def trigger_id(workspace: Workspace) -> str:
    """One for each command and press."""
    return f"{workspace.new_id('')}.{TEAM[1:]}.{uuid4().hex}"


def press_payload(workspace: Workspace, message: Posted, user: str, action: Json) -> Json:
    """What a press of a button sends (``block_actions``), but for the response address."""
    channel, person = workspace.channels[message.channel], workspace.people[user]
    container: Json = {"type": "message", "message_ts": message.ts, "channel_id": channel.id, "is_ephemeral": False}
    if message.thread_ts:
        container["thread_ts"] = message.thread_ts
    return {
        "type": "block_actions",
        "user": {"id": user, "username": person.name.lower(), "name": person.name.lower(), "team_id": person.team},
        "api_app_id": APP,
        "token": "deprecated",
        "container": container,
        "trigger_id": trigger_id(workspace),
        "team": {"id": TEAM, "domain": DOMAIN},
        "enterprise": None,
        "is_enterprise_install": False,
        "channel": {"id": channel.id, "name": channel.name or "directmessage"},
        "message": message_json(workspace, message),
        "state": {"values": {}},
        "actions": [action | {"action_ts": workspace.new_ts()}],
    }


def find_button(message: Posted, action_id: str) -> Json:
    """The element of the message with this action. Raises ``LookupError``: nobody can press what is not there."""
    for block in message.blocks or ():
        for element in _elements(block):
            if element.get("action_id") == action_id:
                return {"block_id": block.get("block_id", "b1")} | element
    raise LookupError(action_id)


def _elements(part: Any) -> Iterator[Json]:
    if isinstance(part, dict):
        yield part
        for value in part.values():
            yield from _elements(value)
    elif isinstance(part, list):
        for value in part:
            yield from _elements(value)
