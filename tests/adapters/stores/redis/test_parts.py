from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING

import pytest

from adapters.stores.redis.connection import Asking, Pauses, connect
from adapters.stores.redis.live import REMEMBERED, Live
from adapters.stores.redis.outbox import Outbox
from adapters.stores.redis.signals import RedisSignals
from conversation.errors import SettingWrong
from conversation.turns import Frame
from tests.support.words import ROOM

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from redis.asyncio import Redis


@pytest.fixture
async def nobody() -> AsyncIterator[Redis]:
    """A client of a Redis that is not there."""
    async with connect("unix:///nowhere/valkey.sock") as client:
        yield client


def test_an_address_that_can_not_be_read_is_named_with_its_cure() -> None:
    with pytest.raises(SettingWrong) as wrong:
        connect("redis://127.0.0.1:port")

    assert wrong.value.name == "PLAUSCH_REDIS_URL"


def test_pauses_grow_and_begin_anew_after_a_success() -> None:
    pauses = Pauses(1, 5)

    assert [pauses.next() for _ in range(5)] == [1, 2, 4, 5, 5]
    pauses.reset()
    assert pauses.next() == 1


async def test_who_asks_gets_the_answer_or_goes_on_without_it() -> None:
    asking = Asking(10)

    async def call(answer: int) -> int:
        return answer

    async def trouble() -> int:
        raise ConnectionError

    assert await asking.ask(lambda: call(1), 0) == 1
    assert await asking.ask(trouble, 0) == 0
    assert await asking.ask(lambda: call(1), 0) == 0, "after a failure nobody asks for a while"
    asking._rests_until = 0
    assert await asking.ask(lambda: call(1), 0) == 1
    assert await asking.ask(trouble, 0) == 0
    assert asking._rests_until - asyncio.get_running_loop().time() <= 1, "the next outage begins with a short pause"


async def test_failures_at_once_are_one_failure() -> None:
    asking = Asking(10)

    async def trouble() -> int:
        raise ConnectionError

    await asyncio.gather(*(asking.ask(trouble, 0) for _ in range(20)))

    assert asking._rests_until - asyncio.get_running_loop().time() < 1.5


async def test_what_is_late_goes_on_until_the_end() -> None:
    asking, answered, ended = Asking(0.01), asyncio.Event(), asyncio.Event()

    async def hangs() -> int:
        try:
            await answered.wait()
        finally:
            ended.set()
        return 1

    assert await asking.ask(hangs, 0) == 0
    assert not ended.is_set()
    await asking.aclose()
    assert ended.is_set()


async def test_a_fault_of_ours_is_told(caplog: pytest.LogCaptureFixture) -> None:
    async def fault() -> int:
        raise KeyError

    assert await Asking(10).ask(fault, 0) == 0
    await asyncio.sleep(0)

    assert [record.levelno for record in caplog.records] == [logging.ERROR]


async def test_what_continues_an_answer_that_nobody_knows_is_dropped() -> None:
    live = Live()

    assert live.grown("a", Frame("t1", 2, 5, " Uhr")) is None
    assert live.grown("a", Frame("t1", 3, 0, "Elf")) == Frame("t1", 3, 0, "Elf")
    assert live.grown("a", Frame("t2", 1, 3, " Uhr")) is None


async def test_answers_that_never_ended_do_not_pile_up() -> None:
    live = Live()
    for number in range(REMEMBERED + 10):
        live.grown(str(number), Frame("t1", 1, 0, "Elf"))

    assert live.under_way("9") is None
    assert live.under_way("10") == Frame("t1", 1, 0, "Elf")


async def test_a_late_frame_is_not_shown_after_a_newer_one() -> None:
    live = Live()
    with live.watching("a") as watcher:
        live.hand("a", "w", Frame("t1", 2, 3, "Elf Uhr"))
        live.hand("a", "w", Frame("t1", 1, 0, "Elf"))
        live.hand("a", "w", Frame("t1", 4, 0, "Elf Uhr.", last=True))
        frames = watcher.frames()

        assert [await anext(frames), await anext(frames)] == [
            Frame("t1", 2, 0, "Elf Uhr"),
            Frame("t1", 4, 0, "Elf Uhr.", last=True),
        ]


async def test_what_can_not_be_sent_does_not_pile_up(nobody: Redis) -> None:
    outbox = Outbox(nobody, "w")
    for number in range(5000):
        outbox.show(f"plausch:live:{number}", Frame(f"t{number}", 1, 0, "Elf"))
        outbox.stop((f"t{number}",))

    assert len(outbox._batch.frames) <= 1024
    assert len(outbox._batch.stop) <= 1024
    assert outbox._batch.missed
    outbox.close()
    async with asyncio.timeout(10):
        await outbox.run()


async def test_what_was_shown_last_is_sent_last(nobody: Redis) -> None:
    outbox = Outbox(nobody, "w")
    for turn in ("t1", "t2", "t1"):
        outbox.show("plausch:live:a", Frame(turn, 1, 0, "Elf"))

    assert [turn for _, turn in outbox._batch.frames] == ["t2", "t1"]


async def test_signals_can_be_closed_unused_and_used_when_closed(nobody: Redis) -> None:
    signals = RedisSignals(nobody)
    await signals.aclose()

    await signals.wake()
    async with asyncio.timeout(10):
        await signals.woken(20)

    assert signals._tasks == []


async def test_while_redis_is_gone_no_page_waits_for_it(nobody: Redis) -> None:
    signals = RedisSignals(nobody, patience_seconds=20)
    signals._listener._pauses = Pauses(60, 60)
    async with asyncio.timeout(10):
        for _ in range(3):
            async with signals.watch(ROOM):
                pass
    await signals.aclose()


async def test_a_frame_that_came_meanwhile_is_newer_than_what_was_kept(
    nobody: Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    signals = RedisSignals(nobody)

    async def kept(channel: str) -> tuple[str, Frame]:
        signals._live.hand(channel, "successor", Frame("t1", 1, 0, "Elf"))
        return "dead", Frame("t1", 5, 0, "Zwölf")

    monkeypatch.setattr(signals, "_standing", kept)
    async with signals.watch(ROOM) as frames:
        await signals.show(ROOM, Frame("t1", 1, 0, "Elf Uhr"))

        assert [(await anext(frames)).text, (await anext(frames)).text] == ["Elf", "Elf Uhr"]
    await signals.aclose()


async def test_what_ends_by_a_fault_of_ours_is_told(nobody: Redis, caplog: pytest.LogCaptureFixture) -> None:
    signals = RedisSignals(nobody)

    async def fault() -> None:
        raise KeyError

    await asyncio.gather(signals._run(fault()), return_exceptions=True)
    await signals.aclose()

    assert [record.levelno for record in caplog.records] == [logging.ERROR]
