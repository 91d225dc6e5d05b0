"""Which events a change makes: as the real one, only those that the app subscribed to, only in rooms that it is in."""

from __future__ import annotations

from typing import TYPE_CHECKING

from adapters.standins.slack.model import BOT_USER, SLACKBOT, SUBSCRIPTIONS, TEAM, Json, Kind, Posted
from adapters.standins.slack.wire import envelope, message_json

if TYPE_CHECKING:
    from collections.abc import Callable

    from adapters.standins.slack.workspace import Workspace


class Announcer:
    """Turns changes into events and hands them to the delivery.

    The app's own posts and updates are announced too, as Slack does. What Slack sends for the steps of a stream is
    not known: a stream is announced when it starts and when it stops.
    """

    def __init__(self, workspace: Workspace, subscriptions: frozenset[str], deliver: Callable[[Json], None]) -> None:
        self._workspace = workspace
        self._subscriptions = subscriptions
        self._deliver = deliver

    def created(self, message: Posted) -> None:
        """A new message: ``app_mention`` where it calls the app, and ``message``, each with an id of its own."""
        body = self._body(message)
        if self._mentions(message):
            body_of_mention = {key: value for key, value in body.items() if key != "channel_type"}
            self._send("app_mention", message, body_of_mention | {"type": "app_mention"})
        self._send(self._subscription(message), message, body)

    def _mentions(self, message: Posted) -> bool:
        # In direct rooms nothing is dispatched as app_mention, even where the app is named.
        called = f"<@{BOT_USER}>" in message.text and not message.by_app
        return called and self._workspace.channels[message.channel].kind is not Kind.DIRECT

    def changed(self, message: Posted, previous: Json) -> None:
        """An edited message; ``previous`` is what ``snapshot`` gave before."""
        event = self._hidden(message) | {"subtype": "message_changed", "message": self.snapshot(message)}
        self._send(self._subscription(message), message, event | {"previous_message": previous})

    def deleted(self, message: Posted, previous: Json) -> None:
        """A message that is gone; where a thread hangs on it, a tombstone stays."""
        if self._workspace.replies(message):
            tombstone = {"type": "message", "subtype": "tombstone", "user": SLACKBOT, "hidden": True, "ts": message.ts}
            tombstone |= {"text": "This message was deleted.", "thread_ts": message.ts}
            event = self._hidden(message) | {"subtype": "message_changed", "message": tombstone}
        else:
            event = self._hidden(message) | {"subtype": "message_deleted", "deleted_ts": message.ts}
        self._send(self._subscription(message), message, event | {"previous_message": previous})

    def stopped(self, channel: str, thread_ts: str, user: str, streams: list[str]) -> None:
        """Somebody pressed the stop button of the thread."""
        if "agent_session_stopped" not in self._subscriptions:
            return
        event: Json = {"type": "agent_session_stopped", "channel": channel, "thread_ts": thread_ts, "user": user}
        event |= {"streaming_message_ts": streams, "event_ts": self._workspace.new_ts()}
        self._deliver(envelope(self._workspace, event))

    def home_opened(self, channel: str, user: str) -> None:
        """Somebody opened the messages of the app."""
        if "app_home_opened" not in self._subscriptions:
            return
        event: Json = {"type": "app_home_opened", "user": user, "channel": channel, "tab": "messages"}
        self._deliver(envelope(self._workspace, event | {"event_ts": self._workspace.new_ts()}))

    def snapshot(self, message: Posted) -> Json:
        """The message as ``message`` and ``previous_message`` of a change carry it."""
        return message_json(self._workspace, message)

    def _body(self, message: Posted) -> Json:
        kind = self._workspace.channels[message.channel].kind
        where = {"channel": message.channel, "event_ts": message.ts, "channel_type": kind.value}
        return message_json(self._workspace, message) | where

    def _hidden(self, message: Posted) -> Json:
        ts = self._workspace.new_ts()
        kind = self._workspace.channels[message.channel].kind
        place = {"channel": message.channel, "channel_type": kind.value}
        return {"type": "message", "hidden": True, "ts": ts, "event_ts": ts} | place

    def _subscription(self, message: Posted) -> str:
        return SUBSCRIPTIONS[self._workspace.channels[message.channel].kind]

    def _send(self, subscription: str, message: Posted, event: Json) -> None:
        if subscription not in self._subscriptions or not self._workspace.channels[message.channel].app_is_member:
            return
        shared = self._workspace.people[message.user].team != TEAM
        self._deliver(envelope(self._workspace, event, is_shared=shared))
