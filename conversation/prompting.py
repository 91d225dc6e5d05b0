"""From the history of a conversation to the prompt for its newest turn."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import timedelta
from typing import TYPE_CHECKING

from conversation.messages import in_one_line
from conversation.prompts import FORMATS
from conversation.prompts.markers import neutralise
from conversation.prompts.parts import Utterance
from conversation.texts import texts_for
from conversation.turns import Exchange
from conversation.window import Counted, fit

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from conversation.answering import Answering
    from conversation.generation import ModelDescription, Sampling
    from conversation.messages import Message
    from conversation.ports import Clock, ModelServer
    from conversation.profiles import ModelProfile, Persona

# What the markers around one utterance may cost, counted generously ("</s>USER: … ASSISTANT:" is 8 tokens in Llama's).
_TOKENS_AROUND = 12
# How long the server is believed to serve what it said it serves.
_DESCRIBED_FOR = timedelta(seconds=60)


@dataclass(frozen=True, slots=True)
class Prompt:
    """A rendered prompt. ``cut`` is the position that its window begins at, ``model`` as the server calls it."""

    text: str
    sampling: Sampling
    cut: int
    model: str


class Prompting:
    """Builds prompts for one model: what fits the window, in the model's own format."""

    def __init__(self, model: ModelServer, profile: ModelProfile, persona: Persona, clock: Clock) -> None:
        self._model = model
        self._clock = clock
        self._described: tuple[datetime, ModelDescription] | None = None
        self._format = FORMATS[profile.format]
        self._system_prompt = persona.system_prompt
        self._sampling = replace(persona.sampling, stops=tuple(self._format.stops()))

    async def prompt(self, answering: Answering, past: Sequence[Exchange]) -> Prompt:
        """The prompt, and the sampling with as many tokens for the answer as the window leaves.

        Raises ``MessageTooLong``, and ``ModelServerUnreachable`` where the server can't say what it serves.
        """
        served = await self._served()
        claim = answering.claim
        sampling = replace(self._sampling, answer_tokens=min(self._sampling.answer_tokens, served.window // 2))
        budget = min(served.max_prompt, served.window - sampling.answer_tokens)
        newest = Exchange(claim.position, claim.messages)
        window, is_whole = await self._window(answering, past, newest, budget)
        said = [utterance for one in (*window, newest) for utterance in self._utterances(answering, one)]
        text = self._format.render(self._system_prompt, said, named=answering.in_a_room)
        begins = window[0].position if window else claim.position
        return Prompt(text, sampling, claim.since if is_whole else begins, served.name)

    async def _served(self) -> ModelDescription:
        """What the server serves, asked once in a while: it changes only where the operator changes it."""
        now = self._clock.now()
        if self._described is None or now - self._described[0] > _DESCRIBED_FOR:
            self._described = now, await self._model.describe()
        return self._described[1]

    async def _window(
        self, answering: Answering, past: Sequence[Exchange], newest: Exchange, budget: int
    ) -> tuple[Sequence[Exchange], bool]:
        """The past exchanges that go into the prompt, and whether these are all that could."""
        system = [Utterance("user", self._system_prompt)]
        everything = [utterance for one in (*past, newest) for utterance in self._utterances(answering, one)]
        if sum(map(_most_tokens, [*system, *everything])) <= budget:
            return past, True
        room = max(0, budget - await self._tokens(system))
        counted = [Counted(one, await self._tokens(self._utterances(answering, one))) for one in past]
        # What was refused as too long would fit no window, and would push out all that was said before it.
        counted = [one for one in counted if one.exchange.answer.strip() or one.tokens <= room]
        window = fit(counted, await self._tokens(self._utterances(answering, newest)), room)
        return window, len(window) == len(counted)

    async def _tokens(self, utterances: Sequence[Utterance]) -> int:
        """What these utterances take in a prompt, rather too much than too little."""
        total = 0
        for said in utterances:
            total += await self._model.count(_as_rendered(said)) + _TOKENS_AROUND
        return total

    def _utterances(self, answering: Answering, exchange: Exchange) -> list[Utterance]:
        said = [
            Utterance("user", _words(answering, message), _name(answering, message)) for message in exchange.questions
        ]
        return [*said, Utterance("assistant", exchange.answer)] if exchange.answer.strip() else said


def _as_rendered(said: Utterance) -> str:
    """With its markers neutralised: such a word takes many tokens, where the marker itself takes one."""
    return neutralise(f"{said.name or ''} {said.text}")


def _most_tokens(said: Utterance) -> int:
    """More tokens than an utterance can take: none is shorter than a byte. So a short talk needs no counting."""
    return len(_as_rendered(said).encode()) + _TOKENS_AROUND


def _name(answering: Answering, message: Message) -> str | None:
    """In a room with several people each person's words carry the name."""
    if not answering.in_a_room:
        return None
    return answering.names.get(message.author.id) or message.author.name


def _words(answering: Answering, message: Message) -> str:
    # In a room each newest message has another author, and what was said before must begin the prompt as it did.
    word = texts_for(message.author.locale if answering.in_a_room else answering.locale).attachment
    files = [f"[{word}: {in_one_line(attachment.name)}]" for attachment in message.attachments]
    return "\n".join([message.with_names(answering.names), *files])
