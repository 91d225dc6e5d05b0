from __future__ import annotations

import asyncio

import pytest

from adapters.standins.telegram.faults import FaultKind
from adapters.standins.telegram.world import Tuning
from tests.support.telegram import ASKER, FAST, OTHER, ManualClock, receiving, standing_in

# Nobody is slowed down for asking often.
EAGER = Tuning(patience=0)


async def test_updates_come_again_until_the_offset_passes_them() -> None:
    async with standing_in(EAGER) as (telegram, bot):
        for text in ("eins", "zwei", "drei"):
            telegram.say(ASKER, text)

        first = await bot.update_ids()
        assert await bot.update_ids() == first == [update.update_id for update in telegram.pending]
        assert telegram.confirmed == 0

        assert await bot.update_ids(offset=first[1]) == first[1:]
        assert telegram.confirmed == first[0]
        assert await bot.update_ids(offset=first[-1] + 1) == []
        assert telegram.confirmed == first[-1]
        assert await bot.update_ids(offset=0) == []
        assert telegram.pending == []


async def test_a_negative_offset_throws_older_updates_away() -> None:
    async with standing_in(EAGER) as (telegram, bot):
        for text in ("eins", "zwei", "drei"):
            telegram.say(ASKER, text)
        newest = telegram.pending[-1].update_id

        assert await bot.update_ids(offset=-1) == [newest]
        assert await bot.update_ids() == [newest]


async def test_an_offset_of_another_numbering_confirms_nothing() -> None:
    async with standing_in(EAGER) as (telegram, bot):
        telegram.say(ASKER, "eins")
        assert len(await bot.update_ids(offset=900_000_000)) == 1
        assert len(telegram.pending) == 1


async def test_the_limit_holds() -> None:
    async with standing_in(EAGER) as (telegram, bot):
        for _ in range(3):
            telegram.say(ASKER, "Hallo")
        assert len(await bot.update_ids(limit=2)) == 2
        assert len(await bot.update_ids(limit=0)) == 1


async def test_a_long_poll_returns_as_soon_as_there_is_something() -> None:
    async with standing_in() as (telegram, bot):
        poll = asyncio.create_task(bot.update_ids(timeout=50))
        await telegram.wait_for(lambda: telegram.calls["getUpdates"])
        telegram.say(ASKER, "Hallo")
        async with asyncio.timeout(5):
            assert len(await poll) == 1


async def test_a_second_poller_ends_the_first_one_with_a_conflict() -> None:
    async with standing_in() as (telegram, bot):
        first = asyncio.create_task(bot.refused("getUpdates", timeout=50))
        await telegram.wait_for(lambda: telegram._world.updates._poller)
        second = asyncio.create_task(bot.update_ids(timeout=50))

        async with asyncio.timeout(5):
            assert (await first).startswith("Conflict: terminated by other getUpdates request")
            telegram.say(ASKER, "Hallo")
            assert len(await second) == 1


async def test_who_asks_for_the_same_at_once_gets_one_update_and_waits_when_there_is_none() -> None:
    async with standing_in(Tuning(patience=0.3)) as (telegram, bot):
        for _ in range(3):
            telegram.say(ASKER, "Hallo")
        assert len(await bot.update_ids()) == 3
        assert len(await bot.update_ids()) == 1
        last = telegram.pending[-1].update_id

        await bot.update_ids(offset=last + 1)
        started = asyncio.get_running_loop().time()
        await bot.update_ids(offset=last + 1)
        assert asyncio.get_running_loop().time() - started >= 0.29


async def test_polling_is_a_conflict_while_a_webhook_is_set_and_the_poll_under_way_ends() -> None:
    async with standing_in() as (telegram, bot), receiving() as receiver:
        poll = asyncio.create_task(bot.refused("getUpdates", timeout=50))
        await telegram.wait_for(lambda: telegram._world.updates._poller)
        await bot.do("setWebhook", url=receiver.url)

        assert await poll == "Conflict: terminated by setWebhook request"
        assert "while webhook is active" in await bot.refused("getUpdates")


async def test_allowed_updates_stay_as_they_were_when_left_out() -> None:
    async with standing_in(EAGER) as (telegram, bot):
        await bot.do("getUpdates", allowed_updates=["edited_message", "no_such_kind"])
        await bot.do("getUpdates")
        message = telegram.say(ASKER, "nicht gefragt")
        telegram.edit(ASKER, message, "gefragt")
        assert [list(update)[1] for update in await bot.do("getUpdates")] == ["edited_message"]
        assert (await bot.do("getWebhookInfo"))["allowed_updates"] == ["edited_message"]

        await bot.do("getUpdates", allowed_updates=[])
        telegram.say(ASKER, "wieder gefragt")
        assert [list(update)[1] for update in telegram.updates] == ["edited_message", "message"]
        assert "allowed_updates" not in await bot.do("getWebhookInfo")


async def test_an_update_is_gone_after_a_day() -> None:
    clock = ManualClock()
    async with standing_in(EAGER, clock) as (telegram, bot):
        telegram.say(ASKER, "Hallo")
        clock.pass_(86_399)
        assert len(await bot.update_ids()) == 1
        clock.pass_(1)
        assert await bot.update_ids() == []


async def test_the_poll_ends_when_the_server_does() -> None:
    async with standing_in() as (telegram, bot):
        poll = asyncio.create_task(bot.do("getUpdates", timeout=50))
        await telegram.wait_for(lambda: telegram._world.updates._poller)
        async with asyncio.timeout(5):
            await telegram.hang_up()
            assert await poll == []


async def test_a_poll_can_meet_a_fault_and_nothing_is_lost() -> None:
    async with standing_in(FAST) as (telegram, bot):
        telegram.say(OTHER, "Hallo")
        telegram.fail_next("getUpdates", FaultKind.SERVER_ERROR, times=2)
        for _ in range(2):
            assert await bot.refused("getUpdates") == "Internal Server Error"
        assert len(await bot.update_ids()) == 1


async def test_waiting_ends_with_a_timeout() -> None:
    async with standing_in() as (telegram, _):
        with pytest.raises(TimeoutError):
            await telegram.wait_for(lambda: False, within=0.01)
