"""The state of the stand-in: one workspace, one app in it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from adapters.standins.slack.model import (
    BOT_USER,
    SLACKBOT,
    TEAM,
    Channel,
    Kind,
    Person,
    Posted,
    Refused,
)
from adapters.standins.slack.records import Change, ChangeKind, Ephemeral, Line, Version

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from adapters.standins.slack.watching import Watch

DOMAIN = "standin"
SESSION_STATES = frozenset({"active", "processing", "suspended", "closed"})
"""What ``agents.sessions.setStatus`` knows; these stay until the app sets another."""


class Workspace:
    """People, rooms, messages. Whatever changes is told to the watch."""

    def __init__(self, clock: Callable[[], float], watch: Watch, app_name: str, stream_seconds: float) -> None:
        self.clock = clock
        self.watch = watch
        self.people: dict[str, Person] = {BOT_USER: Person(BOT_USER, app_name, "en-US", is_bot=True)}
        self.channels: dict[str, Channel] = {}
        self.messages: dict[tuple[str, str], Posted] = {}
        self.ephemerals: list[Ephemeral] = []
        self.statuses: dict[tuple[str, str], str] = {}
        self._stream_seconds = stream_seconds
        self._last_ts = 0
        self._last_id = 0

    def new_id(self, prefix: str) -> str:
        """An id as Slack writes them, never given out before."""
        self._last_id += 1
        return f"{prefix}{self._last_id:010X}"

    def new_ts(self) -> str:
        """The clock's seconds and microseconds, always larger than the last."""
        self._last_ts = max(self._last_ts + 1, int(self.clock() * 1_000_000))
        return f"{self._last_ts // 1_000_000}.{self._last_ts % 1_000_000:06d}"

    # ── people and rooms ─────────────────────────────────────────────────────────────────────────────────────────────

    def add_person(self, name: str, locale: str, team: str = TEAM, *, is_bot: bool = False) -> Person:
        """Somebody new."""
        person = Person(self.new_id("U"), name, locale, team, is_bot)
        self.people[person.id] = person
        return person

    def add_channel(self, name: str, kind: Kind, *, app_is_member: bool = True, person: str = "") -> Channel:
        """A new room."""
        channel = Channel(self.new_id("D" if kind is Kind.DIRECT else "C"), name, kind, app_is_member, person=person)
        self.channels[channel.id] = channel
        return channel

    def direct(self, person: str) -> Channel:
        """The direct room of the app and this person. Raises ``Refused``."""
        if person not in self.people:
            raise Refused("user_not_found")
        for channel in self.channels.values():
            if channel.person == person:
                return channel
        return self.add_channel("", Kind.DIRECT, person=person)

    def channel(self, channel_id: str | None) -> Channel:
        """A room that the app knows of; a private one without it is unknown to it. Raises ``Refused``."""
        channel = self.channels.get(channel_id or "")
        if channel is None or (channel.kind is Kind.PRIVATE and not channel.app_is_member):
            raise Refused("channel_not_found")
        return channel

    def joined(self, channel_id: str | None) -> Channel:
        """A room that the app is in. Raises ``Refused``."""
        channel = self.channel(channel_id)
        if not channel.app_is_member:
            raise Refused("not_in_channel")
        return channel

    # ── messages ─────────────────────────────────────────────────────────────────────────────────────────────────────

    def post(self, channel: str, user: str, text: str, **more: Any) -> Posted:
        """Store a message; ``more`` are fields of ``Posted``. One by the app takes the thread's free status away."""
        ts = self.new_ts()
        message = Posted(channel=channel, ts=ts, user=user, text=text, versions=[Version(text, self.clock())], **more)
        self.messages[channel, ts] = message
        if message.by_app and self.statuses.get((channel, message.thread_ts)) not in SESSION_STATES:
            self.statuses.pop((channel, message.thread_ts), None)
        self.tell(ChangeKind.POSTED, message)
        return message

    def rewrite(self, message: Posted, text: str) -> None:
        """Give the message another text and remember the one before."""
        message.text = text
        message.versions.append(Version(text, self.clock()))
        self.tell(ChangeKind.EDITED, message)

    def message(self, channel: str, ts: str | None) -> Posted:
        """A message that is still there. Raises ``Refused``."""
        message = self.messages.get((channel, ts or ""))
        if message is None or message.deleted:
            raise Refused("message_not_found")
        self._expire(message)
        return message

    def _expire(self, message: Posted) -> None:
        if message.stream is not None and self.clock() - message.stream.started >= self._stream_seconds:
            message.stream.open = False

    def in_thread(self, channel: str, ts: str) -> list[Posted]:
        """The thread's messages, its first one included, oldest first; deleted ones too."""
        return [message for message in self._in(channel) if ts in {message.ts, message.thread_ts}]

    def replies(self, message: Posted) -> list[Posted]:
        """What stands in the thread below this message."""
        return [reply for reply in self.in_thread(message.channel, message.ts) if reply.is_reply and not reply.deleted]

    def top_level(self, channel: str) -> list[Posted]:
        """The room's messages outside threads, oldest first."""
        return [message for message in self._in(channel) if not message.is_reply and not message.deleted]

    def _in(self, channel: str) -> Iterator[Posted]:
        for message in self.messages.values():
            if message.channel == channel:
                self._expire(message)
                yield message

    # ── what others see ──────────────────────────────────────────────────────────────────────────────────────────────

    def line(self, message: Posted) -> Line:
        """The message as the room sees it."""
        return Line(
            ts=message.ts,
            thread_ts=message.thread_ts,
            user=message.user,
            name=self.people[message.user].name,
            by_app=message.by_app,
            text=message.text,
            versions=tuple(message.versions),
            streaming=message.streaming,
            deleted=message.deleted,
            metadata=message.metadata,
            blocks=tuple(message.blocks or ()),
            reactions=tuple(message.reactions),
        )

    def whisper(self, channel: str, user: str, text: str, thread_ts: str = "") -> Ephemeral:
        """Show something to one person only."""
        ephemeral = Ephemeral(channel, thread_ts, user, text, self.clock())
        self.ephemerals.append(ephemeral)
        change = Change(
            kind=ChangeKind.EPHEMERAL,
            at=ephemeral.at,
            channel=channel,
            thread_ts=thread_ts,
            user=user or SLACKBOT,
            text=text,
        )
        self.watch.tell(change)
        return ephemeral

    def set_status(self, channel: str, thread_ts: str, status: str) -> None:
        """What stands under the thread while the app is at it; "" takes it away."""
        self.statuses[channel, thread_ts] = status
        at = self.clock()
        self.watch.tell(
            Change(kind=ChangeKind.STATUS, at=at, channel=channel, thread_ts=thread_ts, user=BOT_USER, text=status)
        )

    def tell(self, kind: ChangeKind, message: Posted) -> None:
        """Tell the watchers of a message."""
        self.watch.tell(
            Change(
                kind=kind,
                at=self.clock(),
                channel=message.channel,
                ts=message.ts,
                thread_ts=message.thread_ts,
                user=message.user,
                text=message.text,
            )
        )
