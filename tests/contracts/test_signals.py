"""What signals promise, in one process and between two."""

from __future__ import annotations

import asyncio
import contextlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest

from adapters.stores.memory import InProcessSignals
from tests.support.databases import postgres_database
from tests.support.signals import BOUND_SECONDS, OTHER_ROOM, frame, process, process_by_redis_alone, seen
from tests.support.words import ROOM

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from conversation.ports import Signals
    from tests.support.valkey import Valkey


@dataclass(frozen=True, slots=True)
class Pair:
    """Two ends of the same signals: one that speaks, and one that listens."""

    here: Signals
    there: Signals


@pytest.fixture(params=["one", "one with Redis", "two with Redis", "one with SQL", "two with SQL"])
async def pair(request: pytest.FixtureRequest, valkey: Valkey, postgres_socket: str) -> AsyncIterator[Pair]:
    count, _, kind = str(request.param).partition(" with ")
    async with contextlib.AsyncExitStack() as stack:
        if kind == "SQL":
            url = await stack.enter_async_context(postgres_database(postgres_socket))
            processes = [process(url), process(url)]
        else:
            processes = [process_by_redis_alone(valkey), process_by_redis_alone(valkey)]
        here: Signals = await stack.enter_async_context(processes[0]) if kind else InProcessSignals()
        there = await stack.enter_async_context(processes[1]) if count == "two" else here
        yield Pair(here, there)


@pytest.fixture(autouse=True)
async def _bound() -> AsyncIterator[None]:
    """No test hangs where a signal is lost."""
    async with asyncio.timeout(BOUND_SECONDS):
        yield


async def test_a_wake_up_reaches_who_waits(pair: Pair) -> None:
    waiting = asyncio.create_task(pair.there.woken(BOUND_SECONDS * 2))
    await asyncio.sleep(0)

    await pair.here.wake()

    await waiting


async def test_a_wake_up_that_came_early_is_not_lost_and_wakes_once(pair: Pair) -> None:
    await pair.here.wake()

    await pair.there.woken(BOUND_SECONDS * 2)
    before = asyncio.get_running_loop().time()
    await pair.there.woken(0.05)

    assert asyncio.get_running_loop().time() - before >= 0.04


async def test_who_waits_goes_on_after_the_time(pair: Pair) -> None:
    await pair.there.woken(0.01)


async def test_a_stop_reaches_who_writes_this_answer_and_nobody_else(pair: Pair) -> None:
    async with pair.there.stops("mine") as mine, pair.there.stops("other") as other:
        await pair.here.stop(["nobody's", "mine"])
        await mine.wait()

        assert not other.is_set()


async def test_a_stop_that_came_before_is_not_heard_later(pair: Pair) -> None:
    async with pair.there.stops("mine") as early:
        await pair.here.stop(["mine"])
        await early.wait()
    async with pair.there.stops("mine") as mine, pair.there.stops("after") as after:
        await pair.here.stop(["after"])
        await after.wait()

        assert not mine.is_set()


async def test_who_watches_sees_the_answer_grow_and_end(pair: Pair) -> None:
    async with pair.there.watch(ROOM) as frames:
        await pair.here.show(ROOM, frame(1, 0, ""))
        await pair.here.show(ROOM, frame(2, 0, "Zwölf Uhr?"))
        await pair.here.show(ROOM, frame(3, 9, ", glaube ich 🙂"))
        grown = await seen(frames, "Zwölf Uhr, glaube ich 🙂")
        await pair.here.show(ROOM, frame(4, 0, "Zwölf Uhr.", last=True, kind="answer"))
        ended = await anext(frames)

    assert set(grown) <= {"", "Zwölf Uhr?", "Zwölf Uhr, glaube ich 🙂"}
    assert ended == frame(4, 0, "Zwölf Uhr.", last=True, kind="answer")


async def test_frames_that_follow_each_other_carry_what_changed(pair: Pair) -> None:
    async with pair.there.watch(ROOM) as frames:
        shown = [frame(1, 0, "Zwölf"), frame(2, 5, " Uhr"), frame(3, 6, "hr.")]
        came = []
        for one in shown:
            await pair.here.show(ROOM, one)
            came.append(await anext(frames))

    assert came == shown


async def test_a_newcomer_first_sees_the_whole_answer_so_far(pair: Pair) -> None:
    async with pair.there.watch(ROOM) as early:
        await pair.here.show(ROOM, frame(1, 0, "Zwölf"))
        await pair.here.show(ROOM, frame(2, 5, " Uhr"))
        await seen(early, "Zwölf Uhr")

        async with pair.there.watch(ROOM) as frames:
            first = await anext(frames)
            await pair.here.show(ROOM, frame(3, 9, "."))

            assert first == frame(2, 0, "Zwölf Uhr")
            assert await anext(frames) == frame(3, 9, ".")


async def test_an_answer_that_has_ended_is_not_shown_to_a_newcomer(pair: Pair) -> None:
    async with pair.there.watch(ROOM) as early:
        await pair.here.show(ROOM, frame(1, 0, "Zwölf"))
        await pair.here.show(ROOM, frame(2, 0, "Zwölf Uhr.", last=True))
        await seen(early, "Zwölf Uhr.")

        async with pair.there.watch(ROOM) as frames:
            await pair.here.show(ROOM, frame(1, 0, "Neu", "t2"))

            assert await anext(frames) == frame(1, 0, "Neu", "t2")


async def test_the_next_answer_does_not_swallow_the_end_of_the_one_before(pair: Pair) -> None:
    async with pair.there.watch(ROOM) as frames:
        await pair.here.show(ROOM, frame(1, 0, "Zwölf."))
        await pair.here.show(ROOM, frame(2, 0, "Zwölf Uhr.", last=True))
        await pair.here.show(ROOM, frame(1, 0, "Neu", "t2"))
        came = [await anext(frames)]
        while came[-1].turn_id != "t2":
            came.append(await anext(frames))

    assert came[-2:] == [frame(2, 0, "Zwölf Uhr.", last=True), frame(1, 0, "Neu", "t2")]


async def test_one_conversation_shows_nothing_of_another(pair: Pair) -> None:
    async with pair.there.watch(ROOM) as frames:
        await pair.here.show(OTHER_ROOM, frame(1, 0, "fremd", "t9"))
        await pair.here.show(ROOM, frame(1, 0, "eigen"))

        assert await anext(frames) == frame(1, 0, "eigen")


async def test_who_left_is_forgotten_and_may_come_back(pair: Pair) -> None:
    for number in (1, 2, 3):
        async with pair.there.watch(ROOM) as frames:
            await pair.here.show(ROOM, frame(number, 0, f"Text {number}"))
            await seen(frames, f"Text {number}")
