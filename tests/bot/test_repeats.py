"""A call of a worker that was given up lands late: in the end the person sees the ending all the same (I6)."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from adapters.platforms.telegram import Telegram
from bot import repeats as module
from bot.repeats import Repeats
from conversation.errors import PlatformUnreachable
from tests.e2e.test_platforms import on_telegram
from tests.support.databases import Rows, opened
from tests.support.service import until_over
from tests.support.telegram import ASKER

if TYPE_CHECKING:
    from adapters.standins.telegram.server import StandInTelegram
    from adapters.standins.tgi import StandInTGI

BOUND_SECONDS = 10.0


async def test_an_edit_that_waits_is_made_after_its_time() -> None:
    made = asyncio.Event()

    async def edit() -> None:
        made.set()

    repeats = Repeats()
    repeats.later(edit, 0.01)
    await asyncio.wait_for(made.wait(), BOUND_SECONDS)


async def test_what_still_waits_is_made_before_the_end_and_trouble_ends_nothing() -> None:
    made: list[int] = []

    async def edit() -> None:
        made.append(1)

    async def refused() -> None:
        raise PlatformUnreachable("gone")

    repeats = Repeats()
    for one in (refused, edit, refused, edit):
        repeats.later(one, 3600)
    await asyncio.wait_for(repeats.aclose(), BOUND_SECONDS)

    assert made == [1, 1]


async def test_a_platform_that_wants_a_long_pause_and_a_fault_of_ours_hold_up_no_end(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(module, "PATIENCE_SECONDS", 0.05)

    async def never() -> None:
        await asyncio.Event().wait()

    async def broken() -> None:
        raise KeyError

    repeats = Repeats()
    repeats.later(never, 3600)
    repeats.later(broken, 3600)

    await asyncio.wait_for(repeats.aclose(), BOUND_SECONDS)

    assert repeats._waiting == set()


@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
async def test_a_late_edit_of_a_worker_that_was_given_up_does_not_stay(
    telegram: StandInTelegram, tgi: StandInTGI, database_url: str
) -> None:
    chat = telegram.private(ASKER)
    tgi.pace.pause()
    async with on_telegram(telegram, "polling", database_url, tgi) as first, opened(database_url) as database:
        telegram.say(chat, "Hallo!", ASKER)
        await tgi.arrivals.get()
        await telegram.wait_for_message(chat, lambda message: message.text == "…")
        # The first one is taken for dead, and does not know it yet.
        await Rows(database).expire_leases()
        async with on_telegram(telegram, "polling", database_url, tgi) as second:
            await tgi.arrivals.get()
            tgi.pace.resume()
            await until_over(second)
            late = Telegram(telegram.token, telegram.api_url)
            await late.check()
            shown = next(message for message in telegram.transcript(chat) if message.from_bot)
            await late._api.edit_message_text("halb fertig", chat_id=chat.id, message_id=shown.message_id)
            await late.aclose()
            second.end()
            first.end()

    texts = [message.text for message in telegram.transcript(chat) if message.from_bot]
    assert ["angekommen" in text for text in texts] == [True]
