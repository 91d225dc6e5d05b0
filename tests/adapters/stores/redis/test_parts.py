from __future__ import annotations

import asyncio
import logging

import pytest

from adapters.stores.redis.connection import Asking, connect
from conversation.errors import SettingWrong


def test_an_address_that_can_not_be_read_is_named_with_its_cure() -> None:
    with pytest.raises(SettingWrong) as wrong:
        connect("redis://127.0.0.1:port")

    assert wrong.value.name == "PLAUSCH_REDIS_URL"


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
