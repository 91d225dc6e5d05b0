from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import TYPE_CHECKING

import pytest

from adapters.platforms.telegram.pacing import Pacing

if TYPE_CHECKING:
    from collections.abc import AsyncIterator


class Time:
    """Seconds that pass as soon as nobody has anything else to do."""

    def __init__(self) -> None:
        self.now = 1000.0
        self._sleepers: list[tuple[float, asyncio.Event]] = []

    def __call__(self) -> float:
        return self.now

    async def wait(self, changed: asyncio.Event, seconds: float | None) -> None:
        over = asyncio.Event()
        entry = (self.now + seconds, over) if seconds is not None else None
        if entry:
            self._sleepers.append(entry)
        waits = [asyncio.ensure_future(event.wait()) for event in (changed, over)]
        try:
            await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for wait in waits:
                wait.cancel()
            if entry in self._sleepers:
                self._sleepers.remove(entry)

    async def run(self) -> None:
        """Let time pass for ever."""
        while True:
            for _ in range(20):
                await asyncio.sleep(0)
            if self._sleepers:
                at, over = min(self._sleepers, key=lambda entry: entry[0])
                self.now = max(self.now, at)
                self._sleepers.remove((at, over))
                over.set()


@pytest.fixture
async def time() -> AsyncIterator[Time]:
    time = Time()
    running = asyncio.create_task(time.run())
    yield time
    running.cancel()
    with suppress(asyncio.CancelledError):
        await running


@pytest.fixture
def pacing(time: Time) -> Pacing:
    return Pacing(time, time.wait)


async def writes(pacing: Pacing, time: Time, chat: str, count: int, *, last: bool = False) -> list[float]:
    """When so many writes may go out, in seconds from now."""
    start, at = time.now, []
    for _ in range(count):
        await pacing.turn(chat, last=last)
        at.append(round(time.now - start, 3))
        pacing.wrote(chat)
    return at


async def test_a_private_chat_bears_three_at_once_then_one_each_1_1_seconds(pacing: Pacing, time: Time) -> None:
    assert await writes(pacing, time, "1", 6) == [0, 0, 0, 1.1, 2.2, 3.3]


async def test_the_burst_comes_back_when_nothing_is_written(pacing: Pacing, time: Time) -> None:
    await writes(pacing, time, "1", 3)
    time.now += 3.3
    assert await writes(pacing, time, "1", 4) == [0, 0, 0, 1.1]


async def test_a_group_bears_one_each_3_1_seconds_and_keeps_some_for_last_writes(pacing: Pacing, time: Time) -> None:
    at = await writes(pacing, time, "-1", 18)
    assert at[:3] == [0, 3.1, 6.2]
    # Sixteen in a minute are for frames; the seventeenth waits until the first is a minute old.
    assert at[15:] == [46.5, 60, 63.1]


async def test_last_writes_use_what_was_kept_for_them(pacing: Pacing, time: Time) -> None:
    await writes(pacing, time, "-1", 16)
    assert await writes(pacing, time, "-1", 2, last=True) == [3.1, 6.2]


async def test_never_more_than_twenty_a_minute_in_a_group(pacing: Pacing, time: Time) -> None:
    at = await writes(pacing, time, "-1", 60, last=True)
    assert all(later - earlier >= 60 for earlier, later in zip(at, at[20:], strict=False))


async def test_chats_do_not_wait_for_each_other(pacing: Pacing, time: Time) -> None:
    await writes(pacing, time, "1", 3)
    assert await writes(pacing, time, "2", 1) == [0]


async def test_the_last_write_goes_before_others_that_wait_longer(pacing: Pacing, time: Time) -> None:
    await pacing.turn("-1", last=False)
    order: list[str] = []

    async def write(name: str, *, last: bool) -> None:
        await pacing.turn("-1", last=last)
        order.append(f"{name} {time.now - 1000:g}")

    frames = [asyncio.create_task(write(name, last=False)) for name in ("first", "second")]
    await asyncio.sleep(0)
    await asyncio.gather(asyncio.create_task(write("last", last=True)), *frames)
    assert order == ["last 3.1", "first 6.2", "second 9.3"]


async def test_who_gives_up_waiting_holds_up_nobody(pacing: Pacing, time: Time) -> None:
    await pacing.turn("-1", last=False)
    impatient = asyncio.create_task(pacing.turn("-1", last=True))
    await asyncio.sleep(0)
    patient = asyncio.create_task(pacing.turn("-1", last=False))
    await asyncio.sleep(0)
    impatient.cancel()
    await asyncio.wait_for(patient, 5)
    assert time.now == pytest.approx(1003.1)


async def test_a_pause_holds_for_everybody_and_is_followed_by_care(pacing: Pacing, time: Time) -> None:
    pacing.pause("1", 30)
    assert pacing.paused("1")
    assert not pacing.paused("2")
    assert await writes(pacing, time, "1", 3, last=True) == [30, 32.2, 34.4]
    assert not pacing.paused("1")
    time.now += 100
    assert await writes(pacing, time, "1", 4) == [0, 0, 0, 1.1]


async def test_a_pause_reaches_those_who_wait_already(pacing: Pacing, time: Time) -> None:
    await pacing.turn("-1", last=False)
    waiting = asyncio.create_task(pacing.turn("-1", last=False))
    await asyncio.sleep(0)
    pacing.pause("-1", 60)
    await waiting
    assert time.now == 1060


async def test_a_shorter_pause_does_not_end_a_longer_one(pacing: Pacing, time: Time) -> None:
    pacing.pause("1", 30)
    pacing.pause("1", 1)
    assert await writes(pacing, time, "1", 1) == [30]


async def test_writes_that_nobody_waited_for_make_the_next_one_wait(pacing: Pacing, time: Time) -> None:
    for _ in range(4):
        pacing.wrote("1")
    assert await writes(pacing, time, "1", 1) == [2.2]


async def test_idle_chats_are_forgotten_and_busy_ones_are_not(pacing: Pacing, time: Time) -> None:
    for number in range(3000):
        await pacing.turn(str(number), last=False)
    assert len(pacing._chats) == 3000
    time.now += 61
    await pacing.turn("new", last=False)
    assert len(pacing._chats) == 2048


async def test_with_the_real_clock_a_turn_comes_at_once_and_a_wait_ends() -> None:
    pacing = Pacing()
    await asyncio.wait_for(pacing.turn("1", last=False), 5)
    pacing.pause("2", 0.01)
    await asyncio.wait_for(pacing.turn("2", last=True), 5)
    assert not pacing.paused("2")
