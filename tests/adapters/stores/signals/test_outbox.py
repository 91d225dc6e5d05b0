from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING

import pytest

from adapters.stores.redis.connection import connect
from adapters.stores.redis.signals import PubSubWay
from adapters.stores.signals.between import SignalsBetweenProcesses
from adapters.stores.signals.outbox import Outbox, Speaker
from adapters.stores.signals.ways import Pauses
from adapters.stores.signals.wire import Told
from conversation.turns import Frame
from tests.support.signals import NothingMissed
from tests.support.words import ROOM

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from redis.asyncio import Redis

    from adapters.stores.signals.ways import Batch


@pytest.fixture
async def blocked() -> AsyncIterator[PubSubWay]:
    """A way to a Redis that is not there."""
    async with connect("unix:///nowhere/valkey.sock") as client:
        yield PubSubWay(client)


@pytest.fixture
async def outbox(blocked: PubSubWay) -> AsyncIterator[Outbox]:
    speaker = Speaker(blocked, 2, lambda: None)
    yield Outbox("w", [speaker])
    await speaker.aclose()


def told(turn_id: str, serial: int = 1) -> Told:
    return Told("w", serial, Frame(turn_id, 1, 0, "Elf"))


def test_pauses_grow_and_begin_anew_after_a_success() -> None:
    pauses = Pauses(1, 5)

    assert [pauses.next() for _ in range(5)] == [1, 2, 4, 5, 5]
    pauses.reset()
    assert pauses.next() == 1


async def test_what_can_not_be_sent_does_not_pile_up(outbox: Outbox) -> None:
    for number in range(5000):
        outbox.show(f"plausch:live:{number}", told(f"t{number}"))
        outbox.stop([f"t{number}"])
        outbox.ask([f"plausch:live:{number}"])

    assert len(outbox._batch.frames) <= 1024
    assert len(outbox._batch.stop) <= 1024
    assert len(outbox._batch.asked) <= 1024
    assert outbox._batch.missed
    outbox.close()
    async with asyncio.timeout(10):
        await outbox.run()


async def test_what_was_shown_last_is_sent_last(outbox: Outbox) -> None:
    for serial, turn in enumerate(("t1", "t2", "t1")):
        outbox.show("plausch:live:a", told(turn, serial))

    assert [turn for _, turn in outbox._batch.frames] == ["t2", "t1"]


async def test_a_way_that_turns_out_to_be_blocked_is_told_once(blocked: PubSubWay) -> None:
    changes: list[str] = []
    speaker = Speaker(blocked, 2, lambda: changes.append("blocked"))
    outbox = Outbox("w", [speaker])
    for _ in range(3):
        outbox.wake()
        assert not await outbox._sent(outbox._batch)
    await speaker.aclose()

    assert changes == ["blocked"]


async def test_while_a_way_is_blocked_no_page_waits_for_it(blocked: PubSubWay) -> None:
    signals = SignalsBetweenProcesses([blocked], NothingMissed(), patience_seconds=20)
    signals._listeners[0]._pauses = Pauses(60, 60)
    async with asyncio.timeout(10):
        for _ in range(3):
            async with signals.watch(ROOM):
                pass
    await signals.aclose()


async def test_within_the_process_everything_works_while_all_ways_are_blocked(blocked: PubSubWay) -> None:
    signals = SignalsBetweenProcesses([blocked], NothingMissed())
    async with asyncio.timeout(10), signals.watch(ROOM) as frames, signals.stops("t1") as stop:
        await signals.wake()
        await signals.woken(20)
        await signals.stop(["t1"])
        await stop.wait()
        await signals.show(ROOM, Frame("t1", 1, 0, "Elf"))
        assert await anext(frames) == Frame("t1", 1, 0, "Elf")
        async with signals.watch(ROOM) as newcomer:
            assert await anext(newcomer) == Frame("t1", 1, 0, "Elf")
    await signals.aclose()


class Odd(PubSubWay):
    """A way whose driver raises what nobody has thought of, once each."""

    def __init__(self, client: Redis) -> None:
        super().__init__(client)
        self.knocks = 0
        self.sent: asyncio.Queue[Batch] = asyncio.Queue()

    async def send(self, writer: str, batch: Batch) -> None:
        if not self.knocks:
            raise ValueError(writer)
        self.sent.put_nowait(batch)

    async def knock(self) -> None:
        self.knocks += 1
        if self.knocks == 1:
            raise ValueError


async def test_what_a_driver_raises_that_nobody_has_thought_of_blocks_the_way_for_a_while_only() -> None:
    async with connect("unix:///nowhere/valkey.sock") as client:
        way = Odd(client)
        speaker = Speaker(way, 2, lambda: None)
        outbox = Outbox("w", [speaker])
        running = asyncio.create_task(outbox.run())
        outbox.show("plausch:live:a", told("t1"))
        async with asyncio.timeout(10):
            batch = await way.sent.get()
        outbox.close()
        await running
        await speaker.aclose()

    assert batch.missed


async def test_what_ends_by_a_fault_of_ours_is_told(blocked: PubSubWay, caplog: pytest.LogCaptureFixture) -> None:
    signals = SignalsBetweenProcesses([blocked], NothingMissed())

    async def fault() -> None:
        raise KeyError

    await asyncio.gather(signals._run(fault()), return_exceptions=True)
    await signals.aclose()

    assert [record.levelno for record in caplog.records] == [logging.ERROR]
