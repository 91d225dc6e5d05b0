"""Turns: what wants an answer, and how it ends."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from conversation.generation import FinishReason
    from conversation.messages import Author, ConversationKey, Message


class TurnState(StrEnum):
    """``open → decided → shown``; ``undeliverable`` is the one end that nobody sees."""

    OPEN = "open"
    DECIDED = "decided"
    SHOWN = "shown"
    UNDELIVERABLE = "undeliverable"


class EndingKind(StrEnum):
    """How a turn ended."""

    ANSWER = "answer"
    STOPPED = "stopped"
    REFUSED = "refused"
    PARKED = "parked"
    NOTICE = "notice"
    """The service's own answer to a command."""


@dataclass(slots=True)
class Record:
    """What is stored with an answer about how it was made; the dashboard and the benchmarks read it."""

    model: str = ""
    profile: str = ""
    system_prompt: str = ""
    sampling: Mapping[str, object] = field(default_factory=dict)
    prompt_digest: str = ""
    """Keyed digest of the prompt as it was sent."""
    cut: int = 0
    """The window's first position."""
    prompt_tokens: int | None = None
    answer_tokens: int | None = None
    finish: FinishReason | None = None
    attempts: int = 1
    claimed_at: datetime | None = None
    requested_at: datetime | None = None
    first_token_at: datetime | None = None
    last_token_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Ending:
    """How a turn ends, decided and not yet shown. ``lead`` and ``trail`` are the service's own lines, as shown."""

    kind: EndingKind
    text: str = ""
    """The model's words, Markdown. Only these enter later prompts."""
    lead: str = ""
    trail: str = ""
    record: Record = field(default_factory=Record)
    starts_afresh: bool = False
    """The conversation's next windows begin after this turn."""

    @property
    def shown(self) -> str:
        """The whole message as the person sees it, Markdown."""
        return "\n\n".join(part for part in (self.lead, self.text.strip("\n"), self.trail) if part)


@dataclass(frozen=True, slots=True)
class Exchange:
    """One past turn of a conversation: what was said, and what the assistant answered ("" where nothing)."""

    position: int
    questions: tuple[Message, ...]
    answer: str = ""


@dataclass(frozen=True, slots=True)
class OpenTurns:
    """How many turns may wait for an answer. What comes beyond it is stored, and answered with a notice alone."""

    conversation: int = 20
    workspace: int = 1_000
    service: int = 5_000


@dataclass(frozen=True, slots=True)
class Backlog:
    """What waits: turns that are open or decided, the age of the oldest of them in seconds, and turns put aside."""

    open: int
    oldest_seconds: float
    parked: int


@dataclass(frozen=True, slots=True)
class ParkedTurn:
    """A turn that was put aside after too many failures. ``reason`` is the last failure's kind, no person's words."""

    turn_id: str
    conversation: ConversationKey
    arrived_at: datetime
    parked_at: datetime
    failures: int
    reason: str


@dataclass(frozen=True, slots=True)
class Send:
    """A message that was (or may have been) sent for a turn. ``message_id`` is the platform's, "" while unknown."""

    id: str
    part: int
    state: str
    message_id: str = ""


@dataclass(frozen=True, slots=True)
class Claim:
    """The right to answer one conversation's oldest turn, until the lease ends or a larger fence is given out."""

    conversation_id: str
    conversation: ConversationKey
    turn_id: str
    position: int
    revision: int
    fence: int
    messages: tuple[Message, ...]
    arrived_at: datetime
    claimed_at: datetime
    failures: int = 0
    command: str | None = None
    stop_requested: bool = False
    since: int = 0
    """The first position of the conversation's window: where it was last cut, or begun afresh."""
    ending: Ending | None = None
    """Set where the turn is decided already: show this, ask no model."""
    sends: tuple[Send, ...] = ()
    took_over: bool = False
    """Another worker's lease ran out before: a call of its may still be under way, and land after ours."""
    asker: Author | None = None
    """Who wrote the newest message, as far as we were told or asked before."""
    greeted: bool = False
    """An answer to the asker has carried the notice that this is an AI."""


@dataclass(frozen=True, slots=True)
class Receipt:
    """What became of a message. ``new`` is False where it was here before and nothing changed."""

    new: bool
    conversation_id: str
    turn_id: str | None = None
    """The turn that it opened; None where it wants no answer, or was a stop."""
    stopped: tuple[str, ...] = ()
    """The turns that it asked to stop."""


@dataclass(frozen=True, slots=True)
class LoggedTurn:
    """A turn as the log tells it: questions, and the ending where there is one."""

    turn_id: str
    position: int
    state: str
    questions: tuple[Message, ...]
    ending: Ending | None = None


@dataclass(frozen=True, slots=True)
class Frame:
    """One step of an answer under way: what stands is ``text_before[:offset] + text``.

    ``number`` grows by one for each frame of a turn; ``last`` frames carry the whole text as shown.
    """

    turn_id: str
    number: int
    offset: int
    text: str
    last: bool = False
    kind: str = ""
    """The ending's kind, on last frames."""
