"""Redis is flushed, stopped and halted while two web processes and two workers rely on it."""

from __future__ import annotations

import asyncio
from itertools import pairwise
from typing import TYPE_CHECKING

from tests.faults.load import Size, ask
from tests.faults.scenario import Scenario
from tests.faults.transcript import marks_in
from tests.support.valkey import running_valkey

if TYPE_CHECKING:
    from tests.faults.stage import Stage
    from tests.support.valkey import Valkey

# Flushed, stopped, started again, halted, going on, flushed: a moment after each.
_MOMENTS = 7


async def redis_lost(stage: Stage) -> None:
    """Everything that can happen to Redis happens; each answer is asked for with the whole conversation before it."""
    crowd = stage.on_telegram(webhook=True)
    with running_valkey() as redis:
        stage.more_settings["redis_url"] = redis.url
        async with stage.processes(2, role="web") as web, stage.processes(2, role="worker") as workers:
            await asyncio.gather(web.ready(), workers.ready())
            await asyncio.gather(ask(crowd, stage.size), _trouble(redis, stage.size.seconds / _MOMENTS))
            await stage.settled()
        async with redis.client() as client:
            assert await client.keys("plausch:window:*"), "Redis came back, and nobody uses it"
    check_prompts([body["inputs"] for body in stage.tgi.requests])


async def _trouble(redis: Valkey, pause: float) -> None:
    async def flush() -> None:
        async with redis.client() as client:
            await client.flushall()

    async def go_on() -> None:
        redis.go_on()

    async def stop() -> None:
        await asyncio.to_thread(redis.stop)

    async def start() -> None:
        await asyncio.to_thread(redis.start)

    for happens in (flush, stop, start, redis.halt, go_on, flush):
        await asyncio.sleep(pause)
        await happens()


def check_prompts(prompts: list[str]) -> None:
    """Each prompt holds the questions of one conversation, without a gap. Raises ``AssertionError``."""
    for prompt in prompts:
        questions = list(dict.fromkeys(marks_in(prompt)))
        for before, after in pairwise(questions):
            assert before.split("n")[0] == after.split("n")[0], f"{after} was asked with {before}"
            assert int(after.split("n")[1]) == int(before.split("n")[1]) + 1, f"{after} follows {before}"


SCENARIOS = (Scenario("Redis flushed, stopped, halted", redis_lost, "postgresql", Size(120, 12, 56), Size(6, 3, 7), 4),)
