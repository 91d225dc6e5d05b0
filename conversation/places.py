"""Where answers go, and what is possible there."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from conversation.messages import ConversationKey


@dataclass(frozen=True, slots=True)
class Place:
    """Where an answer goes: the conversation, the message that it replies to, and the person who asked."""

    conversation: ConversationKey
    reply_to: str = ""
    person: str = ""
    direct: bool = True
    turn_id: str = ""
    ending: str = ""
    """How the turn ended (``EndingKind``), on what is shown last."""


@dataclass(frozen=True, slots=True)
class Capabilities:
    """What a platform can do, so that nobody asks which one it is."""

    durable_sends: bool = True
    """What is sent stays there: each message has a row in ``sends``, written before the call."""
    can_find: bool = False
    """A message whose sending was cut can be found again."""
    call_seconds: float = 30.0
    """The longest time that a call may take: afterwards it can't land any more."""
    can_reach_again: bool = True
    """Whoever asked can be written to later; a terminal session can't."""
