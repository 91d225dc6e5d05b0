from __future__ import annotations

import asyncio

import pytest

from adapters.platforms.slack.pacing import Bucket, Tier
from tests.support.slack_desk import FlyingTime


class Hands:
    """Time that only a test moves: who sleeps is woken when its hour has come."""

    def __init__(self) -> None:
        self.now = 0.0
        self._sleepers: list[tuple[float, asyncio.Event]] = []

    def __call__(self) -> float:
        return self.now

    async def sleep(self, seconds: float) -> None:
        woken = asyncio.Event()
        self._sleepers.append((self.now + seconds, woken))
        await woken.wait()

    async def advance(self, seconds: float) -> None:
        self.now += seconds
        for due, woken in self._sleepers:
            if due <= self.now + 1e-6:
                woken.set()
        for _ in range(10):
            await asyncio.sleep(0)


def emptied(tier: Tier, time: FlyingTime | Hands) -> Bucket:
    bucket = Bucket(tier, time, time.sleep)
    while bucket.try_take():
        pass
    return bucket


@pytest.mark.parametrize("tier", list(Tier))
async def test_in_no_minute_more_calls_go_out_than_the_tier_allows(tier: Tier) -> None:
    time = FlyingTime()
    bucket = Bucket(tier, time, time.sleep)
    times = []
    for _ in range(tier.per_minute * 3):
        await bucket.take(last=False)
        times.append(time.now)
    most = max(sum(start <= other < start + 60 for other in times) for start in times)
    assert tier.per_minute * 0.9 <= most <= tier.per_minute


async def test_last_writes_go_first_and_the_others_in_their_order() -> None:
    time = Hands()
    bucket = emptied(Tier.UPDATE, time)
    done: list[str] = []

    async def write(name: str, *, last: bool) -> None:
        await bucket.take(last=last)
        done.append(name)

    tasks = [asyncio.create_task(write(name, last=name.startswith("last"))) for name in ("a", "b", "last c", "last d")]
    await time.advance(0)
    for _ in range(8):
        await time.advance(1 / bucket.per_second)
    await asyncio.gather(*tasks)
    assert done == ["last c", "last d", "a", "b"]


async def test_nobody_jumps_the_queue_and_who_gives_up_holds_up_nobody() -> None:
    time = Hands()
    bucket = emptied(Tier.START, time)
    waiting = asyncio.create_task(bucket.take(last=False))
    await time.advance(0)
    assert not bucket.try_take()
    waiting.cancel()
    await asyncio.gather(waiting, return_exceptions=True)
    await time.advance(1 / bucket.per_second)
    assert bucket.try_take()


async def test_a_pause_is_kept_and_no_burst_follows_it() -> None:
    time = FlyingTime()
    bucket = Bucket(Tier.APPEND, time, time.sleep)
    bucket.pause(7)
    assert not bucket.try_take()
    began = time.now
    await bucket.take(last=True)
    assert time.now - began == pytest.approx(7)
    time.now = began
    bucket = Bucket(Tier.APPEND, time, time.sleep)
    bucket.pause(0.001)
    time.now += 0.002
    assert bucket.try_take()
    assert not bucket.try_take()


async def test_an_answer_is_written_on_less_often_the_more_are_under_way() -> None:
    time = FlyingTime()
    pacer = time.pacer()
    for under_way, seconds in ((1, 0.8), (10, 8.0)):
        await pacer.reserve("answer", Tier.APPEND, last=False, under_way=under_way)
        await pacer.spend("answer", Tier.APPEND)
        began = time.now
        await pacer.reserve("answer", Tier.APPEND, last=False, under_way=under_way)
        await pacer.spend("answer", Tier.APPEND)
        assert time.now - began == pytest.approx(seconds)
        time.now += 100


async def test_the_last_write_does_not_wait_for_the_interval() -> None:
    time = FlyingTime()
    pacer = time.pacer()
    await pacer.reserve("answer", Tier.APPEND, last=False, under_way=100)
    await pacer.reserve("answer", Tier.STOP, last=True, under_way=100)
    assert time.slept == []


async def test_what_was_reserved_is_spent_once() -> None:
    time = FlyingTime()
    pacer = time.pacer()
    bucket = pacer.bucket(Tier.STOP)
    while bucket.try_take():
        pass
    await pacer.reserve("answer", Tier.STOP, last=True, under_way=1)
    await pacer.reserve("answer", Tier.STOP, last=True, under_way=1)
    slept = len(time.slept)
    await pacer.spend("answer", Tier.STOP)
    assert len(time.slept) == slept
    await pacer.spend("answer", Tier.STOP)
    assert len(time.slept) > slept


async def test_a_reservation_in_another_tier_is_no_reservation() -> None:
    time = FlyingTime()
    pacer = time.pacer()
    await pacer.reserve("answer", Tier.UPDATE, last=True, under_way=1)
    while pacer.bucket(Tier.STOP).try_take():
        pass
    await pacer.spend("answer", Tier.STOP)
    assert time.slept


async def test_each_channel_has_its_own_budget_for_posts() -> None:
    time = FlyingTime()
    pacer = time.pacer()
    while pacer.bucket(Tier.POST, "C1").try_take():
        pass
    assert pacer.bucket(Tier.POST, "C2").try_take()
    assert not pacer.bucket(Tier.POST, "C1").try_take()
    assert pacer.bucket(Tier.START, "C1") is pacer.bucket(Tier.START, "C2")


async def test_buckets_and_answers_of_long_ago_are_forgotten() -> None:
    time = FlyingTime()
    pacer = time.pacer()
    for number in range(500):
        await pacer.bucket(Tier.POST, f"C{number}").take(last=True)
        await pacer.reserve(number, Tier.UPDATE, last=True, under_way=1)
        time.now += 100
    assert len(pacer._buckets) < 5
    assert len(pacer._written) <= 64
    assert len(pacer._reserved) <= 64
