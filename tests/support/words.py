"""Messages and endings in few words."""

from __future__ import annotations

import itertools
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from conversation.messages import Author, ConversationKey, Message
from conversation.turns import Ending, EndingKind

ROOM = ConversationKey("web", "web", "", "session-1")
_numbers = itertools.count(1)


def question(text: str = "Wie spät ist es?", key: ConversationKey = ROOM, **more: Any) -> Message:
    """A message that wants an answer; each call makes another one."""
    identity = f"m{next(_numbers)}"
    message = Message(
        conversation=key,
        identity=identity,
        native_id=identity,
        author=Author("anna", "Anna", "de"),
        text=text,
        sent_at=datetime(2026, 1, 2, 3, 4, 5, 678901, tzinfo=UTC),
    )
    return replace(message, **more)


def answer(text: str = "Zwölf Uhr.", **more: Any) -> Ending:
    """An ending with the model's words."""
    return replace(Ending(EndingKind.ANSWER, text), **more)
