"""Complete answers for each second of the processor: 200 people write in Telegram chats of their own at once.

The whole ``plausch run`` polls; Telegram and the model server are this process. A round is over when every answer
stands complete. The first round does not count: in it the service sees statements and places for the first time.
"""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from adapters.standins.telegram.chats import Person
from adapters.standins.telegram.server import StandInTelegram
from adapters.standins.telegram.world import Tuning
from benchmarks.desk import ANSWER, model_server
from benchmarks.measured import measured
from benchmarks.processes import service

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

    from benchmarks.measured import Progress, Result
    from benchmarks.processes import Service

CHATS = 200
ROUNDS = 5
QUESTION = "Erklär mir bitte, wie ein Wärmetauscher funktioniert."
WHOLE = "".join(ANSWER).strip()
BOUND_SECONDS = 60.0
# What is left to do after an answer is shown (it is stored that it was) belongs to it.
SETTLE_SECONDS = 0.3


@dataclass(frozen=True, slots=True)
class Round:
    """What one round took, in seconds: the service's processor, this process's, and the wall's clock."""

    cpu: float
    own_cpu: float
    wall: float


async def measure(quick: bool, progress: Progress) -> list[Result]:
    """``answers_per_cpu_s``."""
    progress(0, "starting")
    async with StandInTelegram(tuning=Tuning(limits=None)) as telegram, model_server(CHATS) as model:
        settings = {
            "telegram_token": telegram.token,
            "telegram_api_url": telegram.api_url,
            "model_server": "tgi",
            "model_url": model.url,
            "answers_at_once": str(CHATS),
        }
        async with service(settings) as ours:
            await ours.ready()
            rounds = await played(ours, lambda number: _round(telegram, number), progress, quick=quick)
        calls = sum(telegram.calls.values()) / CHATS / (len(rounds) + 1)
    return [result("answers_per_cpu_s", rounds, calls)]


async def played(
    ours: Service, play: Callable[[int], Awaitable[None]], progress: Progress, *, quick: bool
) -> Sequence[Round]:
    """The rounds that count."""
    count = 1 if quick else ROUNDS
    rounds = []
    for number in range(count + 1):
        progress(number / (count + 1), f"{CHATS} answers")
        cpu, own, wall = ours.cpu_seconds(), time.process_time(), time.monotonic()
        async with asyncio.timeout(BOUND_SECONDS):
            await play(number)
        wall = time.monotonic() - wall
        await asyncio.sleep(SETTLE_SECONDS)
        rounds.append(Round(ours.cpu_seconds() - cpu, time.process_time() - own, wall))
    return rounds[1:]


def result(key: str, rounds: Sequence[Round], calls: float) -> Result:
    """The median of the rounds, beside what they took."""
    raw = {
        "cpu_ms_per_answer": 1000 * min(one.cpu for one in rounds) / CHATS,
        "calls_per_answer": calls,
        "wall_s": min(one.wall for one in rounds),
        "stand_ins_cpu_s": min(one.own_cpu for one in rounds),
    }
    runs = [CHATS / one.cpu for one in rounds]
    return measured(key, sorted(runs)[len(runs) // 2], raw, runs)


async def _round(telegram: StandInTelegram, number: int) -> None:
    """People who never wrote before ask; returns when all of them have read the whole answer."""
    people = [Person(10_000 * (number + 1) + each, f"Person {each}", language_code="de") for each in range(CHATS)]
    waiting = {telegram.private(person).id for person in people}
    changes = telegram.changes()
    for person in people:
        telegram.say(person, QUESTION, entities=[])
    async for change in changes:
        if change.message is not None and change.message.from_bot and WHOLE in change.message.text:
            waiting.discard(change.chat_id)
        if not waiting:
            return
