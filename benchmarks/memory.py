"""What the service holds: idle, and for each answer under way. Linux counts the pages (``/proc``).

Idle: the whole ``plausch run``, Telegram and the web page on, SQLite, TGI as the model server, a while after it is
ready. For each answer: 500 people write in private Telegram chats of their own at once, and the model server stops in
the middle of every answer; how much more it holds by then than after its first 20 answers, with nothing to do.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

from adapters.standins.telegram.chats import Person
from adapters.standins.telegram.server import StandInTelegram
from adapters.standins.telegram.world import Tuning
from benchmarks.desk import ANSWER, PacedFromTheFirst, model_server
from benchmarks.measured import measured
from benchmarks.processes import Service, service

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from adapters.standins.script import Generation
    from adapters.standins.tgi import StandInTGI
    from benchmarks.measured import Progress, Result

IDLE_SECONDS = 3.0
WARM_UP = 20
BOUND_SECONDS = 60.0


class Halting(PacedFromTheFirst):
    """Lets so many tokens of each answer out, and no more."""

    def __init__(self, tokens: int) -> None:
        super().__init__()
        self._most = tokens
        self._told: WeakKeyDictionary[asyncio.Task[Any], int] = WeakKeyDictionary()

    async def token(self) -> None:
        """Return when this answer's next token may go out: after the last one never."""
        task = asyncio.current_task()
        assert task is not None
        self._told[task] = self._told.get(task, 0) + 1
        if self._told[task] > self._most:
            await asyncio.Event().wait()
        await super().token()


async def measure(quick: bool, progress: Progress) -> list[Result]:
    """``rss_mb_idle`` and ``rss_kb_per_stream``."""
    answers = 100 if quick else 500
    progress(0, "starting")
    async with StandInTelegram(tuning=Tuning(limits=None)) as telegram, model_server(answers) as model:
        settings = {
            "telegram_token": telegram.token,
            "telegram_api_url": telegram.api_url,
            "model_server": "tgi",
            "model_url": model.url,
            "web_chat": "true",
            "answers_at_once": str(answers),
        }
        async with service(settings) as ours:
            await ours.ready()
            await asyncio.sleep(IDLE_SECONDS)
            idle = ours.rss_bytes()
            progress(0.2, "first answers")
            people = [Person(5_000 + number, f"Person {number}", language_code="de") for number in range(answers)]
            at_rest = await _at_rest(ours, telegram, model, people[:WARM_UP])
            progress(0.4, f"{answers} answers")
            half_way = await _half_way(ours, telegram, model, people)
    per_answer = (half_way - at_rest) / answers
    at_rest_and_half_way = {"at_rest_mb": at_rest / 1e6, "half_way_mb": half_way / 1e6, "answers": answers}
    return [
        measured("rss_mb_idle", idle / 1e6, {"after_first_answers_mb": at_rest / 1e6}),
        measured("rss_kb_per_stream", per_answer / 1000, at_rest_and_half_way),
    ]


async def _at_rest(ours: Service, telegram: StandInTelegram, model: StandInTGI, people: Sequence[Person]) -> int:
    """What it holds once it has answered these people, and what is needed for that is imported."""
    for person in people:
        telegram.say(person, "Hallo!", entities=[])
    await _until(lambda: len(model.generations) == len(people) and not model.active)
    await asyncio.sleep(IDLE_SECONDS)
    return ours.rss_bytes()


async def _half_way(ours: Service, telegram: StandInTelegram, model: StandInTGI, people: Sequence[Person]) -> int:
    """What it holds in the middle of an answer to each of these people."""
    before = len(model.generations)
    half = len(ANSWER) // 2

    def reached(generations: Sequence[Generation]) -> bool:
        return len(generations) == len(people) and all(one.tokens >= half for one in generations)

    model.pace = Halting(half)
    for person in people:
        telegram.say(person, "Erklär mir bitte, wie ein Wärmetauscher funktioniert.", entities=[])
    await _until(lambda: reached(model.generations[before:]))
    await asyncio.sleep(IDLE_SECONDS)
    return ours.rss_bytes()


async def _until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(BOUND_SECONDS):
        while not condition():  # noqa: ASYNC110 - looked at now and then: an event for each token would cost more
            await asyncio.sleep(0.1)
