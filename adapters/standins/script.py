"""What the stand-ins for model servers share: a tokenizer, what they answer, how fast, and what goes wrong."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

Reply = Callable[[str], Sequence[str]]
"""From the rendered prompt to the answer's tokens."""

END_TOKEN = "</s>"  # noqa: S105  # a token of the model's vocabulary, no password

_PIECE = re.compile(r"</?s>|<\|\w+\|>|\s(?=</?s>|<\|\w+\|>)|\s?\w{1,5}|\s?[^\w\s]|\s")
_QUESTION = re.compile(r"(?:USER:|<\|im_start\|>user\n)(?P<text>(?:(?!USER:|<\|im_start\|>user\n).)*)\Z", re.DOTALL)
_QUESTION_END = re.compile(r"\s*(?:ASSISTANT:|<\|im_end\|>).*\Z", re.DOTALL)
_LONGEST_QUESTION = 200


def pieces(text: str) -> list[str]:
    """Cut text into tokens: up to five letters with the space before them, single signs, whole special tokens."""
    return _PIECE.findall(text)


def input_tokens(text: str) -> int:
    """How many tokens a prompt takes, the beginning token that the server puts before it included."""
    return len(pieces(text)) + 1


def say_which_question(prompt: str) -> list[str]:
    """A short German answer that repeats the newest question (Vicuna, ChatML, else the last line)."""
    found = _QUESTION.search(prompt)
    question = found["text"] if found else prompt.rstrip("\n").rpartition("\n")[2]
    question = _QUESTION_END.sub("", question).strip()[:_LONGEST_QUESTION]
    return pieces(f"Du hast gefragt: „{question}“ Ich vertrete hier nur das Modell, aber deine Frage ist angekommen.")


class FaultKind(StrEnum):
    """What can go wrong with an answer."""

    HANG = "hang"
    """No more tokens come; the connection stays, with a comment now and then."""
    DROP = "drop"
    """The connection is cut before the response begins."""
    RESET = "reset"
    """The connection is cut inside the stream."""
    END_EARLY = "end_early"
    """The stream ends properly, but without what an answer ends with."""
    ERROR_EVENT = "error_event"
    """The server reports an error inside the stream."""
    BROKEN_EVENT = "broken_event"
    """An event that is no JSON."""
    STATUS = "status"
    """An HTTP status instead of a stream."""


@dataclass(frozen=True, slots=True)
class Fault:
    """What goes wrong with one answer, ``after`` so many tokens; ``status`` belongs to ``FaultKind.STATUS``."""

    kind: FaultKind
    after: int = 0
    status: int = 503


class Outcome(StrEnum):
    """What became of an answer."""

    WRITING = "writing"
    DONE = "done"
    CANCELLED = "cancelled"
    """The client hung up."""
    FAILED = "failed"
    """A scripted fault."""


@dataclass(slots=True)
class Generation:
    """One answer under way, to be watched by a test. ``tokens`` counts those that were sent."""

    prompt: str
    body: dict[str, Any]
    tokens: int = 0
    outcome: Outcome = Outcome.WRITING
    ended: asyncio.Event = field(default_factory=asyncio.Event)


class Pace:
    """How fast tokens come: one each ``seconds`` (0: at once), or, while paused, only those that ``step`` allows."""

    def __init__(self, seconds: float = 0.0) -> None:
        self.seconds = seconds
        self._paused = False
        self._steps = 0
        self._changed = asyncio.Event()

    def pause(self) -> None:
        """Let no token out from now on."""
        self._paused = True

    def step(self, tokens: int = 1) -> None:
        """Let so many tokens out, of whatever answer asks first."""
        self._steps += tokens
        self._changed.set()

    def resume(self) -> None:
        """Let all tokens out again."""
        self._paused = False
        self._steps = 0
        self._changed.set()

    async def token(self) -> None:
        """Return when the next token may go out."""
        if self.seconds:
            await asyncio.sleep(self.seconds)
        while self._paused and not self._steps:
            self._changed.clear()
            await self._changed.wait()
        if self._paused:
            self._steps -= 1


@dataclass(frozen=True, slots=True)
class Written:
    """What the model writes within its limits. ``finish`` is ``length``, ``stop_sequence`` or ``eos_token``."""

    tokens: tuple[str, ...]
    finish: str
    stop: str = ""
    """The stop sequence that ended it; the last token completes it."""

    @property
    def text(self) -> str:
        """All tokens in one."""
        return "".join(self.tokens)


def write(reply: Sequence[str], limit: int, stops: Sequence[str]) -> Written:
    """The reply's tokens until the limit or a stop sequence ends them; the end token takes one of the limit too."""
    so_far = ""
    for number, token in enumerate(reply[:limit], start=1):
        so_far += token
        for stop in stops:
            if stop in so_far:
                return Written(tuple(reply[:number]), "stop_sequence", stop)
    finish = "eos_token" if len(reply) < limit else "length"
    return Written(tuple(reply[:limit]), finish)
