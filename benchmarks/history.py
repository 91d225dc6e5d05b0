"""Conversations that go the service's own way: put, claim, window, prompt, decide, shown."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from adapters.model_servers.counting import Counts
from adapters.standins.script import input_tokens
from adapters.stores.sql.conversations import SqlConversations
from adapters.stores.sql.inbox import SqlInbox
from adapters.stores.sql.types import new_id
from bot.clock import SystemClock
from conversation.answering import Answering
from conversation.generation import Finish, FinishReason, ModelDescription, Sampling, Token
from conversation.messages import ConversationKey
from conversation.profiles import EM_GERMAN, Persona
from conversation.prompting import Prompt, Prompting
from conversation.turns import Ending, EndingKind, Record
from tests.support.words import question

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

    from adapters.stores.sql.database import Database

ANSWER_TOKENS = 1024
SYSTEM_PROMPT = "Du bist ein hilfreicher Assistent."


class Counting:
    """A model server that only counts, at once; as TGI's client does, it counts a text once."""

    def __init__(self, budget: int) -> None:
        self._served = ModelDescription("bench", window=budget + ANSWER_TOKENS, max_prompt=budget)
        self._counts = Counts()

    async def stream(self, _prompt: str, _sampling: Sampling) -> AsyncGenerator[Token | Finish, None]:
        """Nothing."""
        yield Finish(FinishReason.END)

    async def count(self, text: str) -> int:
        """The stand-ins' tokens."""
        if (known := self._counts.get(text)) is not None:
            return known
        self._counts.put(text, tokens := input_tokens(text))
        return tokens

    async def describe(self) -> ModelDescription:
        """The budget and the room for an answer."""
        return self._served

    async def aclose(self) -> None:
        """Nothing is open."""


@dataclass(frozen=True, slots=True)
class Turned:
    """A turn that is over: what the model was asked, and how long window and prompt took, in seconds."""

    prompt: Prompt
    seconds: float


class History:
    """Conversations on a database, with ``budget`` tokens for a prompt."""

    def __init__(self, database: Database, budget: int) -> None:
        self.database = database
        self._inbox = SqlInbox(database)
        self._store = SqlConversations(database)
        persona = Persona(SYSTEM_PROMPT, Sampling(answer_tokens=ANSWER_TOKENS))
        self._prompting = Prompting(Counting(budget), EM_GERMAN, persona, SystemClock())

    def begin(self) -> ConversationKey:
        """A conversation that nobody has written to."""
        return ConversationKey("web", "web", "", new_id())

    async def turn(self, key: ConversationKey, asked: str, answered: str) -> Turned:
        """One more turn, as the answerer makes it; where its window was cut is kept with the conversation."""
        await self._inbox.put(question(asked, key))
        claim = await self._inbox.claim("bench", 60, [key.platform])
        assert claim is not None
        answering = Answering(claim)
        began = time.perf_counter()
        past = await self._store.window(claim.conversation_id, claim.since, claim.position)
        prompt = await self._prompting.prompt(answering, past)
        seconds = time.perf_counter() - began
        await self._inbox.decide(claim, Ending(EndingKind.ANSWER, answered, record=Record(cut=prompt.cut)))
        await self._inbox.shown(claim)
        return Turned(prompt, seconds)
