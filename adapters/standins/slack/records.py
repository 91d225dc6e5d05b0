"""What the stand-in remembers for whoever watches it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping


class ChangeKind(StrEnum):
    """What happened."""

    POSTED = "posted"
    EDITED = "edited"
    DELETED = "deleted"
    REACTED = "reacted"
    STATUS = "status"
    EPHEMERAL = "ephemeral"
    CALLED = "called"
    ACKNOWLEDGED = "acknowledged"
    CONNECTED = "connected"
    DISCONNECTED = "disconnected"


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """One thing that happened; ``at`` is seconds since 1970 by the stand-in's clock."""

    kind: ChangeKind
    at: float
    channel: str = ""
    ts: str = ""
    thread_ts: str = ""
    user: str = ""
    text: str = ""


@dataclass(frozen=True, slots=True)
class Version:
    """A message's text as it read from ``at`` (seconds since 1970) on."""

    text: str
    at: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """A message as the room sees it now, with what it read before (``versions``, oldest first, the present last)."""

    ts: str
    thread_ts: str
    user: str
    name: str
    by_app: bool
    text: str
    versions: tuple[Version, ...]
    streaming: bool
    deleted: bool
    metadata: Mapping[str, Any] | None
    blocks: tuple[Mapping[str, Any], ...]
    reactions: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Ephemeral:
    """What only one person sees."""

    channel: str
    thread_ts: str
    user: str
    text: str
    at: float


@dataclass(frozen=True, slots=True)
class Call:
    """A call of the Web API, without its token. ``outcome``: ``ok``, the error's code, or the fault that was played."""

    method: str
    arguments: Mapping[str, Any]
    outcome: str
    at: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """How one delivery ended.

    ``status`` is the HTTP status (200 for an acknowledged envelope) or None where no answer came; ``reason`` is what
    Slack would name in ``X-Slack-Retry-Reason``, "" where it was acknowledged; ``seconds`` is how long it took.
    """

    status: int | None
    reason: str = ""
    seconds: float = 0.0
    body: Any = None
    retry_forbidden: bool = False

    @property
    def acknowledged(self) -> bool:
        """Whether a 2xx (or the envelope's acknowledgement) came in time."""
        return not self.reason


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivery:
    """One attempt to hand over an event, a command or a press of a button."""

    kind: str
    """``event_callback``, ``slash_commands`` or ``interactive``."""
    event_id: str
    """Unique for an event; the trigger's id for commands and presses."""
    event_type: str
    ts: str
    """Of the message that the event speaks of, or ""."""
    attempt: int
    """0 for the first, then ``X-Slack-Retry-Num``."""
    outcome: Outcome
    at: float
