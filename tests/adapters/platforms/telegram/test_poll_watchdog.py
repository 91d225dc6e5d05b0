"""Polling where nothing comes back, and polling that is ended and begun elsewhere."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import pytest

from adapters.platforms.telegram import Telegram
from adapters.platforms.telegram import platform as platform_module
from adapters.platforms.telegram.polling import Poller, Silence
from adapters.platforms.telegram.receiving import Receiver
from adapters.standins.telegram.world import Tuning
from tests.support.black_hole import network_to
from tests.support.telegram import ASKER, ManualClock, standing_in
from tests.support.telegram_desk import US, Desk, Pauses, both, polling, started

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from adapters.standins.telegram.server import StandInTelegram

EAGER = Tuning(patience=0)


@asynccontextmanager
async def behind(address: str, token: str, silence_seconds: float) -> AsyncIterator[Telegram]:
    telegram = Telegram(token, address, silence_seconds=silence_seconds, pause=Pauses())
    try:
        await telegram.start()
        yield telegram
    finally:
        await telegram.aclose()


def texts_of(standin: StandInTelegram, up_to: int) -> set[str]:
    """What the updates up to this one say."""
    return {update["message"]["text"] for update in standin.updates if update["update_id"] <= up_to}


def troubles_of(what: Telegram | Poller) -> list[str]:
    return [what.trouble] if what.trouble else []


async def test_a_connection_over_which_nothing_comes_any_more_is_made_anew(caplog: pytest.LogCaptureFixture) -> None:
    async with standing_in(EAGER) as (standin, _), network_to(standin.api_url) as network:
        desk = Desk()
        async with behind(network.address(standin.api_url), standin.token, 0.2) as telegram, polling(telegram, desk):
            await standin.wait_for(lambda: standin._world.updates._poller)
            first = telegram._polling._session
            network.swallow()
            standin.say(ASKER, "eins")
            poller = telegram.poller
            assert poller is not None
            renewed = asyncio.Event()
            renew = poller._renew

            async def noted() -> None:
                await renew()
                renewed.set()

            poller._renew = noted
            await asyncio.wait_for(renewed.wait(), 10)

            assert first is not None
            assert first.closed
            trouble = telegram.trouble or ""
            assert trouble.startswith("no updates for ")
            assert trouble.endswith(" s, the connection is made anew: nothing comes back")

            network.recover()
            assert await desk.texts(1) == ["eins"]
            await standin.wait_for(lambda: not standin.pending)
        assert telegram.trouble is None
        assert standin.token not in caplog.text


async def test_the_sends_of_others_are_not_cut_where_polling_begins_anew() -> None:
    async with both(EAGER) as (_, telegram), polling(telegram, Desk()):
        sending = telegram._request._session
        await telegram._polling.renew()
        assert sending is not None
        assert not sending.closed


async def test_where_telegram_is_in_trouble_for_long_the_reason_is_said_with_its_time() -> None:
    async with standing_in(EAGER) as (standin, _), started(standin) as telegram:
        clock, renewed = ManualClock(), []

        async def renew() -> None:
            renewed.append(clock())

        await telegram._polling.initialize()
        receiver = Receiver(Desk(), US, lambda _old, _new: None)
        poller = Poller(telegram._api, receiver, renew=renew, now=clock, pause=Pauses())
        await standin.hang_up()
        await poller._tried(poller._round)
        assert (poller.trouble, renewed) == ("Telegram can't be reached", [])
        for passed in (95, 10, 80):
            clock.pass_(passed)
            await poller._tried(poller._round)
        assert poller.trouble == "no updates for 185 s, the connection is made anew: Telegram can't be reached"
        assert len(renewed) == 2


async def test_a_round_that_came_back_is_no_silence() -> None:
    async with both(EAGER) as (standin, telegram):
        clock, pauses, desk = ManualClock(), Pauses(), Desk()
        receiver = Receiver(desk, US, lambda _old, _new: None)
        poller = Poller(telegram._api, receiver, renew=telegram._polling.renew, now=clock, pause=pauses)
        await telegram._polling.initialize()
        clock.pass_(100)
        assert poller.trouble == "no updates for 100 s, the connection is made anew: nothing comes back"
        standin.say(ASKER, "eins")
        await poller._tried(poller._round)
        assert (troubles_of(poller), poller.last_completed) == ([], clock())
        assert not pauses.seconds


def test_who_heard_nothing_asks_again_at_once() -> None:
    poller = Poller.__new__(Poller)
    poller._failures = 7
    assert poller._seconds(Silence()) == 0


async def test_whoever_does_not_poll_is_in_no_trouble() -> None:
    async with both(EAGER) as (standin, telegram):
        assert telegram.trouble is None
        async with polling(telegram, Desk()):
            await standin.wait_for(lambda: standin.calls["getUpdates"])
            assert telegram.poller is not None
        assert troubles_of(telegram) == []


async def test_polling_can_be_ended_at_any_moment_and_confirms_nothing_that_is_not_stored() -> None:
    async with both(EAGER) as (standin, telegram):
        desk = Desk()
        for steps in range(0, 240, 3):
            standin.say(ASKER, f"{steps}")
            task = asyncio.create_task(telegram.poll(desk))
            for _ in range(steps):
                await asyncio.sleep(0)
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
            assert texts_of(standin, standin.confirmed) <= {message.text for message in desk.received}
        async with polling(telegram, desk):
            await desk.texts(80)
            await standin.wait_for(lambda: not standin.pending)
        assert [message.text for message in desk.received] == [f"{steps}" for steps in range(0, 240, 3)]


@pytest.mark.parametrize("committed", [False, True])
async def test_polling_that_is_ended_while_it_stores_leaves_the_update_to_the_next(*, committed: bool) -> None:
    async with both(EAGER) as (standin, telegram):
        desk = Desk(busy=asyncio.Event())
        assert desk.busy is not None
        standin.say(ASKER, "eins")
        async with polling(telegram, desk):
            await asyncio.wait_for(desk.taken.wait(), 10)
            if committed:
                desk.busy.set()
                await desk.texts(1)
        assert standin.confirmed == 0
        desk.busy.set()
        async with polling(telegram, desk):
            await standin.wait_for(lambda: not standin.pending)
        assert [message.text for message in desk.received] == ["eins"]


async def test_while_the_database_is_away_the_same_is_asked_for_in_growing_pauses_that_stay_short() -> None:
    async with standing_in(EAGER) as (standin, _):
        pause = Pauses()
        async with started(standin, pause=pause) as telegram:
            standin.say(ASKER, "eins")
            async with polling(telegram, desk := Desk(away=6)):
                assert await desk.texts(1) == ["eins"]
            assert pause.seconds == [1, 2, 4, 5, 5, 5]


async def test_a_database_that_swallows_everything_counts_as_away(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(platform_module, "_POLLED_STORED_SECONDS", 0.05)
    async with both(EAGER) as (standin, telegram):
        desk = Desk(busy=asyncio.Event())
        assert desk.busy is not None
        standin.say(ASKER, "eins")
        async with polling(telegram, desk):
            await standin.wait_for(lambda: standin.calls["getUpdates"] > 2)
            assert telegram.trouble == "what came can't be stored: the database is away"
            assert standin.confirmed == 0
            desk.busy.set()
            await standin.wait_for(lambda: not standin.pending)
        assert [message.text for message in desk.received] == ["eins"]


async def test_whoever_takes_over_from_a_process_whose_last_request_still_hangs_gets_on_at_once() -> None:
    async with standing_in(EAGER) as (standin, bot):
        pause = Pauses()
        async with started(standin, pause=pause) as telegram:
            dead = asyncio.create_task(bot.ask("getUpdates", timeout=30))
            await standin.wait_for(lambda: standin._world.updates._poller)
            async with polling(telegram, desk := Desk()):
                assert (await dead)["error_code"] == 409
                standin.say(ASKER, "eins")
                assert await desk.texts(1) == ["eins"]
            assert pause.seconds == []
