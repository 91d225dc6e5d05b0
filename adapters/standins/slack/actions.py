"""What people do in the workspace."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypedDict

from adapters.standins.slack import methods_chat
from adapters.standins.slack.interactions import ResponseUrls, command_form, find_button, press_payload
from adapters.standins.slack.model import BOT_USER, TEAM, File, Kind
from adapters.standins.slack.mrkdwn import typed
from adapters.standins.slack.parcels import COMMAND, PRESS, Deliveries, Parcel
from adapters.standins.slack.records import ChangeKind

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Unpack

    from adapters.standins.slack.announcing import Announcer
    from adapters.standins.slack.model import Posted
    from adapters.standins.slack.records import Outcome
    from adapters.standins.slack.workspace import Workspace


class How(TypedDict, total=False):
    """How something is said.

    ``mention``: with the app's mention in front. ``wire``: the text is mrkdwn already, not what somebody typed.
    ``subtype``: Slack's, as ``bot_message`` or ``channel_join``.
    """

    mention: bool
    wire: bool
    files: Sequence[File]
    subtype: str


class Actions:
    """What people do; each thing makes the events that the real Slack would send, behind the caller's back."""

    _workspace: Workspace
    _announcer: Announcer
    _deliveries: Deliveries
    _responses: ResponseUrls

    def add_person(self, name: str, locale: str = "de-DE", team: str = TEAM, *, is_bot: bool = False) -> str:
        """Somebody new; returns the id. Another team makes a guest by Slack Connect."""
        return self._workspace.add_person(name, locale, team, is_bot=is_bot).id

    def add_channel(self, name: str, *, private: bool = False, app_is_member: bool = True) -> str:
        """A new room; returns its id."""
        kind = Kind.PRIVATE if private else Kind.PUBLIC
        return self._workspace.add_channel(name, kind, app_is_member=app_is_member).id

    def direct(self, person: str) -> str:
        """The id of the direct room of this person and the app."""
        return self._workspace.direct(person).id

    def let_app_in(self, channel: str) -> None:
        """Invite the app."""
        self._workspace.channels[channel].app_is_member = True

    def put_app_out(self, channel: str) -> None:
        """Remove the app."""
        self._workspace.channels[channel].app_is_member = False

    def archive(self, channel: str) -> None:
        """Close the room for good."""
        self._workspace.channels[channel].archived = True

    async def say(self, channel: str, text: str, user: str, thread_ts: str | None = None, **how: Unpack[How]) -> str:
        """Write a message; returns its ``ts``."""
        files, subtype = tuple(how.get("files", ())), how.get("subtype", "")
        message = self._workspace.post(
            channel,
            user,
            self._words(text, how),
            thread_ts=thread_ts or "",
            files=files,
            subtype=subtype or ("file_share" if files else ""),
        )
        self._announcer.created(message)
        return message.ts

    def _words(self, text: str, how: How) -> str:
        if not how.get("wire"):
            people = {person.name: person.id for person in self._workspace.people.values()}
            rooms = {room.name: room.id for room in self._workspace.channels.values() if room.name}
            text = typed(text, people, rooms)
        return f"<@{BOT_USER}> {text}" if how.get("mention") else text

    async def edit(self, channel: str, ts: str, text: str, **how: Unpack[How]) -> None:
        """Change one's message (``message_changed`` with ``edited``)."""
        message = self._workspace.message(channel, ts)
        previous = self._announcer.snapshot(message)
        message.edited = {"user": message.user, "ts": self._workspace.new_ts()}
        self._workspace.rewrite(message, self._words(text, how))
        self._announcer.changed(message, previous)

    async def unfurl(self, channel: str, ts: str) -> None:
        """Slack adds the preview of a link: a ``message_changed`` in which nobody has edited anything."""
        message = self._workspace.message(channel, ts)
        previous = self._announcer.snapshot(message)
        message.attachments = [{"id": 1, "title": "Preview", "fallback": "Preview"}]
        self._announcer.changed(message, previous)

    async def delete(self, channel: str, ts: str) -> None:
        """Delete one's message."""
        methods_chat.remove(self._workspace, self._announcer, self._workspace.message(channel, ts))

    async def slash(self, command: str, text: str, user: str, channel: str) -> str:
        """Use a slash command; returns what the person sees at once, which may be Slack's own error."""
        form = command_form(self._workspace, self._workspace.channels[channel], user, command, text)
        form["response_url"] = self._responses.new(channel, user)
        outcome = await self._deliveries.send_once(Parcel(COMMAND, form, form["trigger_id"], command))
        if outcome.acknowledged:
            return self._responses.show(channel, user, outcome.body)
        error = "operation_timeout" if "timeout" in outcome.reason else "dispatch_failed"
        return self._responses.show(channel, user, f'{command} failed with the error "{error}"')

    async def press(self, channel: str, ts: str, action_id: str, user: str) -> Outcome:
        """Press a button of a message. Raises ``LookupError`` where it has none with this action."""
        message = self._workspace.message(channel, ts)
        payload = press_payload(self._workspace, message, user, find_button(message, action_id))
        payload["response_url"] = self._responses.new(channel, user, message)
        return await self._deliveries.send_once(Parcel(PRESS, payload, payload["trigger_id"], "block_actions", ts))

    async def stop_session(self, channel: str, thread_ts: str, user: str) -> None:
        """Press the stop button under a thread: Slack ends the app's open streams there, and tells it."""
        open_streams = [each for each in self._workspace.in_thread(channel, thread_ts) if each.streaming]
        for message in open_streams:
            self._stop(message)
        self._announcer.stopped(channel, thread_ts, user, [message.ts for message in open_streams])

    async def open_home(self, user: str) -> None:
        """Open the app's messages."""
        self._announcer.home_opened(self._workspace.direct(user).id, user)

    def deliver_again(self, ts: str) -> int:
        """Deliver the events about this message once more; returns how many there are."""
        return self._deliveries.repeat(ts)

    def _stop(self, message: Posted) -> None:
        if message.stream is not None:
            message.stream.open = False
            message.stream.stopped_by_user = True
            self._workspace.tell(ChangeKind.EDITED, message)
