"""A dialogue with a model that follows a script, and turns to answer."""

from __future__ import annotations

import hashlib
from contextlib import aclosing
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from conversation.answering import Answering
from conversation.dialogue import Dialogue
from conversation.generation import Finish, FinishReason, ModelDescription, Sampling, Token
from conversation.profiles import EM_GERMAN, Persona
from conversation.turns import Claim, Ending, Exchange
from tests.support.words import ROOM, question

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable, Sequence

    from conversation.messages import Message
    from conversation.profiles import ModelProfile

SYSTEM_PROMPT = "Du hilfst."
EARLY = datetime(2026, 1, 2, 3, 4, 0, tzinfo=UTC)


def words_in(text: str) -> int:
    """Each word is a token."""
    return len(text.split())


class ScriptedModel:
    """``conversation.ports.ModelServer`` in memory: each stream follows the next script, the last one again and again.

    A script's texts become tokens, its errors are raised where they stand; one without an error or a ``Finish`` ends
    properly. What it was asked, and how its streams ended, stays to be looked at.
    """

    def __init__(
        self,
        *scripts: Sequence[str | Token | Finish | Exception],
        window: int = 4096,
        max_prompt: int | None = None,
        name: str = "scripted",
        count: Callable[[str], int] = words_in,
        trouble: Exception | None = None,
    ) -> None:
        self.prompts: list[str] = []
        self.samplings: list[Sampling] = []
        self.told = 0
        self.described = 0
        self.counted: list[str] = []
        """Tokens that were handed out."""
        self.open_streams = 0
        self._scripts = list(scripts) or [["Ja."]]
        self._description = ModelDescription(name, window, window - 1 if max_prompt is None else max_prompt)
        self._count = count
        self._trouble = trouble

    async def stream(self, prompt: str, sampling: Sampling) -> AsyncGenerator[Token | Finish, None]:
        """Follow the next script."""
        self.prompts.append(prompt)
        self.samplings.append(sampling)
        script = self._scripts.pop(0) if len(self._scripts) > 1 else self._scripts[0]
        self.open_streams += 1
        try:
            for step in script:
                if isinstance(step, Exception):
                    raise step
                if isinstance(step, Finish):
                    yield step
                    return
                self.told += 1
                yield Token(step) if isinstance(step, str) else step
            yield Finish(FinishReason.END, words_in(prompt), len(script))
        finally:
            self.open_streams -= 1

    async def count(self, text: str) -> int:
        """As the test counts."""
        self.counted.append(text)
        return self._count(text)

    async def describe(self) -> ModelDescription:
        """What the test says."""
        if self._trouble:
            raise self._trouble
        self.described += 1
        return self._description

    async def aclose(self) -> None:
        """Nothing is held."""


class TickingClock:
    """``conversation.ports.Clock``: each look at it is a second later than the one before."""

    def __init__(self) -> None:
        self._next = EARLY + timedelta(minutes=1)

    def now(self) -> datetime:
        """The next second."""
        self._next += timedelta(seconds=1)
        return self._next


def digest_of(prompt: str) -> str:
    """A digest as good as any."""
    return hashlib.sha256(prompt.encode()).hexdigest()


def dialogue(
    model: ScriptedModel, *, profile: ModelProfile = EM_GERMAN, system_prompt: str = SYSTEM_PROMPT, **sampling: Any
) -> Dialogue:
    """A dialogue with this model."""
    persona = Persona(system_prompt, Sampling(**sampling))
    return Dialogue(model, profile, persona, TickingClock(), digest_of)


def claim(*messages: Message, position: int = 1, **more: Any) -> Claim:
    """A claimed turn of these messages."""
    taken = Claim(
        conversation_id="c1",
        conversation=ROOM,
        turn_id=f"t{position}",
        position=position,
        revision=1,
        fence=1,
        messages=messages or (question(),),
        arrived_at=EARLY,
        claimed_at=EARLY + timedelta(seconds=2),
    )
    return replace(taken, **more)


def asked(*texts: str, position: int = 1, **more: Any) -> Answering:
    """An answer to these texts, about to be made."""
    return Answering(claim(*map(question, texts), position=position), **more)


def said(position: int, asked_for: str, answer: str = "", **more: Any) -> Exchange:
    """A past turn."""
    return Exchange(position, (question(asked_for, **more),), answer)


async def pieces_and_ending(talk: Dialogue, answering: Answering, *past: Exchange) -> tuple[list[str], Ending]:
    """What the person sees, piece by piece, and the one ending."""
    async with aclosing(talk.answer(answering, past)) as events:
        told = [event async for event in events]
    pieces = [event for event in told if isinstance(event, str)]
    (ending,) = [event for event in told if isinstance(event, Ending)]
    assert told[-1] is ending
    return pieces, ending


async def ending_of(talk: Dialogue, answering: Answering, *past: Exchange) -> Ending:
    """The one ending."""
    return (await pieces_and_ending(talk, answering, *past))[1]
