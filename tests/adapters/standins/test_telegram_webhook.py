from __future__ import annotations

import asyncio

import pytest

from adapters.standins.telegram.chats import Person
from adapters.standins.telegram.webhook import _pause
from adapters.standins.telegram.world import Tuning
from tests.support.telegram import ASKER, FAST, OTHER, ManualClock, receiving, standing_in


async def test_an_update_is_posted_with_the_secret_and_is_gone_once_taken() -> None:
    async with standing_in() as (telegram, bot), receiving() as receiver:
        await bot.do("setWebhook", url=receiver.url, secret_token="geheim_1")
        telegram.say(ASKER, "Hallo")
        await telegram.wait_for(lambda: telegram.updates and not telegram.pending)

        assert receiver.texts == ["Hallo"]
        assert receiver.secrets == ["geheim_1"]
        assert [delivery.status for delivery in telegram.deliveries] == [200]


async def test_a_chats_next_update_waits_until_the_one_before_was_taken() -> None:
    async with standing_in() as (telegram, bot), receiving() as receiver:
        receiver.answers = [(503, {}), (500, {}), (302, {"Location": "/elsewhere"})]
        await bot.do("setWebhook", url=receiver.url)
        for text in ("eins", "zwei"):
            telegram.say(ASKER, text)
        await telegram.wait_for(lambda: not telegram.pending)

        assert receiver.texts == ["eins", "eins", "eins", "eins", "zwei"]
        assert [(d.attempt, d.status) for d in telegram.deliveries] == [
            (1, 503),
            (2, 500),
            (3, 302),
            (4, 200),
            (1, 200),
        ]
        info = await bot.do("getWebhookInfo")
        assert info["last_error_message"] == "Wrong response from the webhook: 302"


async def test_a_chat_that_is_stuck_holds_up_no_other() -> None:
    async with standing_in(Tuning(retry_unit=60)) as (telegram, bot), receiving() as receiver:
        receiver.answers = [(500, {}), (500, {})]
        await bot.do("setWebhook", url=receiver.url)
        telegram.say(ASKER, "klemmt")
        await telegram.wait_for(lambda: len(telegram.deliveries) == 2)
        telegram.say(OTHER, "läuft")
        await telegram.wait_for(lambda: len(telegram.deliveries) == 3)

        assert receiver.texts == ["klemmt", "klemmt", "läuft"]
        assert [update.payload["text"] for update in telegram.pending] == ["klemmt"]
        assert (await bot.do("getWebhookInfo"))["pending_update_count"] == 1


def test_pauses_grow_from_nothing_to_a_minute() -> None:
    assert [_pause(attempt) for attempt in range(1, 9)] == [0, 2, 4, 8, 16, 32, 60, 60]


async def test_retry_after_is_kept() -> None:
    async with standing_in() as (telegram, bot), receiving() as receiver:
        receiver.answers = [(503, {"Retry-After": "99"}), (503, {"Retry-After": "soon"})]
        await bot.do("setWebhook", url=receiver.url)
        telegram.say(ASKER, "Hallo")
        started = asyncio.get_running_loop().time()
        await telegram.wait_for(lambda: not telegram.pending)
        assert asyncio.get_running_loop().time() - started >= 0.09
        assert [delivery.status for delivery in telegram.deliveries] == [503, 503, 200]


async def test_retry_after_counts_for_an_hour_at_most() -> None:
    clock = ManualClock()
    async with standing_in(Tuning(retry_unit=0), clock) as (telegram, bot), receiving() as receiver:
        telegram.say(ASKER, "Hallo")
        clock.pass_(86_400 - 3600)
        receiver.answers = [(503, {"Retry-After": "90000"})]
        await bot.do("setWebhook", url=receiver.url)
        await telegram.wait_for(lambda: not telegram.pending)
        assert [delivery.status for delivery in telegram.deliveries] == [503, 200]


async def test_no_more_deliveries_run_at_once_than_were_asked_for() -> None:
    async with standing_in() as (telegram, bot), receiving() as receiver:
        receiver.hold = asyncio.Event()
        await bot.do("setWebhook", url=receiver.url, max_connections=2)
        for person in (ASKER, OTHER, Person(4003, "Third")):
            telegram.say(person, "Hallo")
        await bot.do("getMe")
        async with asyncio.timeout(5):
            while len(receiver.updates) < 2:
                await bot.do("getMe")
        for _ in range(5):
            await bot.do("getMe")
        assert len(receiver.updates) == 2
        receiver.hold.set()
        await telegram.wait_for(lambda: not telegram.pending)
        assert len(receiver.updates) == 3


async def test_an_update_that_would_be_a_day_old_is_given_up() -> None:
    clock = ManualClock()
    async with standing_in(FAST, clock) as (telegram, bot), receiving() as receiver:
        telegram.say(ASKER, "alt")
        clock.pass_(86_399)
        receiver.answers = [(503, {"Retry-After": "2"})]
        await bot.do("setWebhook", url=receiver.url)
        await telegram.wait_for(lambda: not telegram.pending)
        assert [delivery.status for delivery in telegram.deliveries] == [503]


async def test_nobody_there_counts_as_hung_up_and_what_waits_comes_after_a_new_start() -> None:
    async with standing_in() as (telegram, bot):
        async with receiving() as receiver:
            url = receiver.url
        await bot.do("setWebhook", url=url)
        telegram.say(ASKER, "Hallo")
        await telegram.wait_for(lambda: telegram.deliveries)
        assert telegram.deliveries[0].status == 0

        await bot.do("deleteWebhook")
        assert len(await bot.update_ids()) == 1


async def test_an_update_can_come_twice() -> None:
    async with standing_in() as (telegram, bot), receiving() as receiver:
        await bot.do("setWebhook", url=receiver.url)
        telegram.deliver_twice()
        telegram.say(ASKER, "Hallo")
        telegram.say(ASKER, "Und?")
        await telegram.wait_for(lambda: not telegram.pending)
        assert receiver.texts == ["Hallo", "Hallo", "Und?"]


async def test_what_waited_is_delivered_or_dropped_as_asked() -> None:
    clock = ManualClock()
    async with standing_in(FAST, clock) as (telegram, bot), receiving() as receiver:
        telegram.say(ASKER, "verworfen")
        await bot.do("setWebhook", url=receiver.url, drop_pending_updates=True)
        await bot.do("deleteWebhook")
        telegram.say(ASKER, "bleibt")
        clock.pass_(1)
        await bot.do("setWebhook", url=receiver.url)
        await telegram.wait_for(lambda: not telegram.pending)
        assert receiver.texts == ["bleibt"]

        await bot.do("setWebhook", url="")
        assert telegram.webhook is None


async def test_a_webhook_is_set_once_a_second_at_most() -> None:
    clock = ManualClock()
    async with standing_in(FAST, clock) as (_, bot), receiving() as receiver:
        await bot.do("setWebhook", url=receiver.url)
        assert await bot.refused("setWebhook", url=receiver.url) == "Too Many Requests: retry after 1"
        clock.pass_(1)
        await bot.do("setWebhook", url=receiver.url)


@pytest.mark.parametrize("url", ["http://example.org/hook", "ftp://127.0.0.1/hook", "http://[::1", "hook"])
async def test_only_this_machine_is_called(url: str) -> None:
    async with standing_in() as (telegram, bot):
        assert (await bot.refused("setWebhook", url=url)).startswith("Bad Request: bad webhook")
        assert telegram.webhook is None


@pytest.mark.parametrize("secret", ["ä", "a b", "x" * 257])
async def test_a_secret_has_letters_that_a_header_can_carry(secret: str) -> None:
    async with standing_in() as (_, bot):
        refusal = await bot.refused("setWebhook", url="http://127.0.0.1:1/hook", secret_token=secret)
        assert refusal == "Bad Request: secret token contains unallowed characters"
