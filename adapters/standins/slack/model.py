"""People, rooms and messages of the stand-in's one workspace."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from adapters.standins.slack.records import Version

Json = dict[str, Any]

TEAM = "T0000000001"
APP = "A0000000001"
BOT_USER = "U0000000BOT"
BOT = "B0000000001"
SLACKBOT = "USLACKBOT"


class Refused(Exception):
    """The Web API says no: ``ok: false`` with this code, and what else belongs in the answer."""

    def __init__(self, error: str, *details: str, **fields: Any) -> None:
        super().__init__(error)
        self.error = error
        self.fields = fields
        if details:
            self.fields["response_metadata"] = {"messages": [f"[ERROR] {detail}" for detail in details]}


class Kind(StrEnum):
    """Kinds of rooms, as events name them in ``channel_type``."""

    PUBLIC = "channel"
    PRIVATE = "group"
    DIRECT = "im"


SUBSCRIPTIONS = {Kind.PUBLIC: "message.channels", Kind.PRIVATE: "message.groups", Kind.DIRECT: "message.im"}
SCOPE_PREFIX = {Kind.PUBLIC: "channels", Kind.PRIVATE: "groups", Kind.DIRECT: "im"}


@dataclass(frozen=True, slots=True)
class File:
    """A file that comes with a message; ``size`` in bytes. Its content is not served."""

    name: str
    media_type: str
    size: int


@dataclass(frozen=True, slots=True)
class Person:
    """Who writes. Another ``team`` than the workspace's makes the person a guest by Slack Connect."""

    id: str
    name: str
    locale: str = "de-DE"
    team: str = TEAM
    is_bot: bool = False


@dataclass(slots=True)
class Channel:
    """A room; ``person`` is who sits in a direct one."""

    id: str
    name: str
    kind: Kind
    app_is_member: bool = True
    archived: bool = False
    person: str = ""


@dataclass(slots=True)
class Stream:
    """``started`` in seconds since 1970."""

    started: float
    open: bool = True
    stopped_by_user: bool = False


@dataclass(slots=True, kw_only=True)
class Posted:
    """A message as Slack keeps it: ``text`` is mrkdwn, or Markdown where ``is_markdown``."""

    channel: str
    ts: str
    user: str
    text: str
    versions: list[Version]
    thread_ts: str = ""
    subtype: str = ""
    is_markdown: bool = False
    by_app: bool = False
    blocks: list[Json] | None = None
    attachments: list[Json] = field(default_factory=list)
    metadata: Json | None = None
    files: tuple[File, ...] = ()
    edited: Json | None = None
    stream: Stream | None = None
    reactions: list[str] = field(default_factory=list)
    deleted: bool = False

    @property
    def streaming(self) -> bool:
        """Whether an open stream owns the message."""
        return self.stream is not None and self.stream.open

    @property
    def is_reply(self) -> bool:
        """Whether it stands in a thread that another message opened."""
        return self.thread_ts not in {"", self.ts}
