"""What a person sees when the model server has trouble."""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING

import pytest

from adapters.standins.script import Fault, FaultKind
from conversation.texts import GERMAN
from tests.support.databases import Rows
from tests.support.service import Browser, browser, running, until_over

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from adapters.standins.tgi import StandInTGI
    from bot.service import Service


@pytest.fixture
async def service(tmp_path: Path, tgi: StandInTGI) -> AsyncIterator[Service]:
    url = f"sqlite:///{tmp_path / 'plausch.sqlite3'}"
    async with running(database_url=url, model_server="tgi", model_url=tgi.url) as started:
        yield started


@pytest.fixture
async def page(service: Service) -> AsyncIterator[Browser]:
    async with browser(service) as opened:
        yield opened


@contextlib.asynccontextmanager
async def impatient(rows: Rows) -> AsyncIterator[None]:
    """No conversation rests between two attempts."""

    async def wake() -> None:
        while True:
            await rows.change("UPDATE conversations SET not_before = NULL WHERE not_before IS NOT NULL")
            await asyncio.sleep(0.02)

    waking = asyncio.create_task(wake())
    yield
    waking.cancel()


async def test_an_overload_is_waited_out_and_said(page: Browser, service: Service, tgi: StandInTGI) -> None:
    tgi.faults.append(Fault(FaultKind.STATUS, status=429))

    async with impatient(Rows(service.database)), page.frames() as frames:
        await page.send("Hallo!")
        seen = []
        async for frame in frames:
            seen.append(frame["text"])
            if frame["last"]:
                break

    assert any(GERMAN.waiting in text for text in seen)
    assert "angekommen" in seen[-1]
    assert GERMAN.waiting not in seen[-1]
    (turn,) = await Rows(service.database).select("SELECT failures FROM turns")
    assert turn == (0,)


async def test_a_stream_that_breaks_before_anything_was_shown_is_asked_for_again(
    page: Browser, tgi: StandInTGI
) -> None:
    tgi.faults.append(Fault(FaultKind.RESET, after=0))

    assert "angekommen" in await page.answer("Hallo!", 1)
    assert len(tgi.requests) == 2


async def test_an_answer_that_breaks_off_keeps_what_was_shown_and_says_so(page: Browser, tgi: StandInTGI) -> None:
    tgi.faults.append(Fault(FaultKind.RESET, after=4))

    answer = await page.answer("Hallo!", 1)

    assert "Du hast" in answer
    assert GERMAN.cut in answer
    assert len(tgi.requests) == 1
    await page.answer("Und jetzt?", 2)
    assert GERMAN.cut not in tgi.requests[-1]["inputs"]


async def test_an_answer_whose_tokens_are_used_up_says_how_to_go_on(tmp_path: Path, tgi: StandInTGI) -> None:
    url = f"sqlite:///{tmp_path / 'plausch.sqlite3'}"
    async with (
        running(database_url=url, model_server="tgi", model_url=tgi.url, answer_tokens=16) as service,
        browser(service) as page,
    ):
        answer = await page.answer("Hallo!", 1)
        await page.answer("weiter", 2)

    assert GERMAN.tokens_used_up in answer
    assert tgi.requests[-1]["inputs"].endswith("</s>USER: weiter ASSISTANT:")


async def test_a_turn_that_fails_again_and_again_is_parked_and_the_conversation_goes_on(
    page: Browser, service: Service, tgi: StandInTGI
) -> None:
    tgi.faults.extend([Fault(FaultKind.ERROR_EVENT)] * 10)
    rows = Rows(service.database)

    async with impatient(rows):
        answer = await page.answer("Hallo!", 1)
        await until_over(service)

    assert GERMAN.parked in answer
    assert await rows.select("SELECT kind FROM answers") == [("parked",)]
    assert "angekommen" in await page.answer("Und jetzt?", 2)
