"""An answer while it is being made."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from conversation.generation import FinishReason
from conversation.texts import texts_for
from conversation.turns import Ending, EndingKind, Record

if TYPE_CHECKING:
    from collections.abc import Mapping

    from conversation.turns import Claim

_FENCE = re.compile(r"([ \t>]*)(`{3,}|~{3,})([^\n]*)")


@dataclass(slots=True)
class Answering:
    """An answer under way. ``text`` grows with each piece that may be shown."""

    claim: Claim
    locale: str | None = None
    names: Mapping[str, str] = field(default_factory=dict)
    greet: bool = False
    """Whether this answer carries the notice that this is an AI."""
    record: Record = field(default_factory=Record)
    pieces: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.record.attempts = self.claim.failures + 1
        self.record.claimed_at = self.claim.claimed_at

    @property
    def in_a_room(self) -> bool:
        """Whether several people talk there."""
        return not self.claim.messages[-1].direct

    @property
    def text(self) -> str:
        """The model's words so far."""
        if len(self.pieces) > 1:
            # It is asked for with each new piece: joined anew each time, a long answer would be quadratic work.
            self.pieces[:] = ["".join(self.pieces)]
        return self.pieces[0] if self.pieces else ""

    def ending(self, kind: EndingKind, text: str = "", trail: str = "") -> Ending:
        """An ending of this answer, with the AI notice where it is due."""
        lead = self._lead() if text or kind is EndingKind.ANSWER else ""
        if trail and (fence := _open_fence(text)):
            # In a code block that is not closed our line would be code, too.
            trail = f"{fence}\n\n{trail}"
        return Ending(kind, text, lead, trail, self.record)

    def so_far(self) -> str:
        """What can be shown while it is being written: the same as the ending's ``shown``, for each new piece."""
        if not self.pieces:
            return ""
        lead, text = self._lead(), self.text.strip("\n")
        return f"{lead}\n\n{text}" if lead and text else lead or text

    def _lead(self) -> str:
        return texts_for(self.locale).ai_notice if self.greet else ""

    def stopped(self) -> Ending:
        """The ending of an answer that a person stopped: what was written stays."""
        texts = texts_for(self.locale)
        self.record.finish = FinishReason.STOPPED
        return self.ending(EndingKind.STOPPED, self.text, texts.stopped if self.text else texts.stopped_early)

    def refused(self) -> Ending:
        """The ending of a turn that the model server refuses for good."""
        return self.ending(EndingKind.REFUSED, trail=texts_for(self.locale).refused)

    def parked(self) -> Ending:
        """The ending of a turn that failed again and again."""
        return self.ending(EndingKind.PARKED, trail=texts_for(self.locale).parked)


def _open_fence(markdown: str) -> str:
    """The line that closes the code block which the text ends in, "" where it ends in none."""
    margin = fence = ""
    for line in markdown.split("\n"):
        if not (found := _FENCE.match(line)):
            continue
        run, rest = found[2], found[3]
        if not fence and not (run[0] == "`" and "`" in rest):
            margin, fence = found[1], run
        elif run.startswith(fence) and not rest.strip():
            margin = fence = ""
    return margin + fence
