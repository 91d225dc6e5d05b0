"""The world around the measured service: a model server with a pace, and what people do at once."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING
from weakref import WeakSet

from adapters.standins.script import Pace, pieces
from adapters.standins.tgi import StandInTGI
from adapters.standins.tgi_validation import TGILimits

if TYPE_CHECKING:
    from typing import Any

FIRST_TOKEN_SECONDS = 0.05
TOKEN_SECONDS = 0.005
TOKENS = 32
_WORDS = "Natürlich helfe ich dir gern dabei, die Sache in Ruhe und Schritt für Schritt zu verstehen. "
ANSWER = tuple((pieces(_WORDS) * TOKENS)[:TOKENS])
"""What the model says to everybody."""


class PacedFromTheFirst(Pace):
    """The first token of an answer takes longer than those after it."""

    def __init__(self, first_seconds: float = FIRST_TOKEN_SECONDS, seconds: float = TOKEN_SECONDS) -> None:
        super().__init__(seconds)
        self._first_seconds = first_seconds
        self._begun: WeakSet[asyncio.Task[Any]] = WeakSet()

    async def token(self) -> None:
        """Return when this answer's next token may go out; each answer has a task of its own."""
        task = asyncio.current_task()
        if task is None or task in self._begun:
            return await super().token()
        self._begun.add(task)
        return await self.first()

    async def first(self) -> None:
        """Return when an answer's first token may go out."""
        await asyncio.sleep(self._first_seconds)


def model_server(answers_at_once: int) -> StandInTGI:
    """A stand-in TGI that has room for so many answers."""
    limits = TGILimits(max_concurrent_requests=2 * answers_at_once)
    server = StandInTGI(lambda _: ANSWER, limits=limits)
    server.pace = PacedFromTheFirst()
    return server
