"""More questions than may wait: one notice, then silence, and the answers come as if nothing were."""

from __future__ import annotations

from typing import TYPE_CHECKING

from conversation.texts import GERMAN
from tests.support.service import browser, running

if TYPE_CHECKING:
    from adapters.standins.tgi import StandInTGI


async def test_what_comes_beyond_the_limit_gets_one_notice_and_is_stored(tgi: StandInTGI, database_url: str) -> None:
    tgi.pace.pause()
    async with (
        running(database_url=database_url, model_server="tgi", model_url=tgi.url, open_turns_conversation=2) as service,
        browser(service) as page,
    ):
        for number in range(1, 7):
            await page.send(f"Frage {number}", number)
        await tgi.arrivals.get()
        tgi.pace.resume()
        turns = await page.settled()

    assert [turn["kind"] for turn in turns] == ["answer", "answer", "refused"]
    assert GERMAN.full in turns[-1]["text"]
    assert [question["text"] for question in turns[-1]["questions"]] == [f"Frage {number}" for number in range(3, 7)]
    assert len(tgi.requests) == 2


async def test_help_is_answered_while_every_place_is_taken(tgi: StandInTGI, database_url: str) -> None:
    tgi.pace.pause()
    async with (
        running(database_url=database_url, model_server="tgi", model_url=tgi.url, answers_at_once=1) as service,
        browser(service) as busy,
        browser(service) as other,
    ):
        await busy.send("Erzähl eine lange Geschichte.")
        await tgi.arrivals.get()
        assert GERMAN.help[:40] in await other.answer("/hilfe", 2)
        tgi.pace.resume()
        await busy.settled()
