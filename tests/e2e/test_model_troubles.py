"""What a person sees when the model server has trouble."""

from __future__ import annotations

import asyncio
import contextlib
import time
from typing import TYPE_CHECKING

import pytest

from adapters.model_servers.guarded import FAILURES
from adapters.standins.script import Fault, FaultKind
from adapters.standins.telegram.chats import Person
from bot import models
from conversation.texts import GERMAN
from tests.e2e.test_platforms import on_telegram
from tests.support.databases import Rows
from tests.support.service import BOUND_SECONDS, Browser, browser, running, until_over

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from adapters.standins.telegram.server import StandInTelegram
    from adapters.standins.tgi import StandInTGI
    from bot.service import Service

WAITING = GERMAN.waiting.strip("_")
"""As Telegram shows it: italic."""


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


async def test_an_outage_is_waited_out_by_all_who_ask_and_the_server_is_left_alone(
    telegram: StandInTelegram, tgi: StandInTGI, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pause = 0.5
    monkeypatch.setattr(models, "_LONGEST_PAUSE", pause)
    people = [Person(5000 + number, f"Nr. {number}", language_code="de") for number in range(30)]
    url = f"sqlite:///{tmp_path / 'plausch.sqlite3'}"
    async with on_telegram(telegram, "polling", url, tgi) as service, impatient(Rows(service.database)):
        serves = tgi.max_concurrent_requests
        tgi.max_concurrent_requests = 0
        began = time.monotonic()
        await ask(telegram, people[:1], "Erstens?")
        await asked(tgi, FAILURES)
        await ask(telegram, people[1:], "Erstens?")
        for person in people:
            telegram.say(telegram.private(person), "Zweitens?", person)
        probes = (time.monotonic() - began) / pause + 1
        assert len(tgi.requests) <= FAILURES + probes

        tgi.max_concurrent_requests = serves
        await until_over(service, turns=2 * len(people))
        failures = await Rows(service.database).select("SELECT DISTINCT failures FROM turns")

    assert failures == [(0,)]
    for person in people:
        first, second = bot_messages(telegram, person)
        assert "„Erstens?“" in first[-1]
        assert "„Zweitens?“" in second[-1]
        assert sum(text == WAITING for text in (*first, *second)) == 1


async def ask(telegram: StandInTelegram, people: list[Person], text: str) -> None:
    """Each asks, and is told to wait."""
    for person in people:
        telegram.say(telegram.private(person), text, person)
    for person in people:
        await telegram.wait_for_message(telegram.private(person), lambda shown: shown.text == WAITING)


async def asked(tgi: StandInTGI, times: int) -> None:
    """Wait until so many requests have reached the server."""
    async with asyncio.timeout(BOUND_SECONDS):
        while len(tgi.requests) < times:  # noqa: ASYNC110 - the stand-in has no event for a refused request
            await asyncio.sleep(0.01)


def bot_messages(telegram: StandInTelegram, person: Person) -> list[list[str]]:
    """The texts that each message of ours has had."""
    shown = telegram.transcript(telegram.private(person))
    return [[version.text for version in message.versions] for message in shown if message.from_bot]


async def test_whoever_is_told_again_to_wait_after_a_restart_sees_no_difference(
    telegram: StandInTelegram, tgi: StandInTGI, tmp_path: Path
) -> None:
    person = Person(5000, "Asker", language_code="de")
    url = f"sqlite:///{tmp_path / 'plausch.sqlite3'}"
    tgi.max_concurrent_requests = 0
    async with on_telegram(telegram, "polling", url, tgi):
        await ask(telegram, [person], "Hallo!")
    before = len(tgi.requests)
    async with on_telegram(telegram, "polling", url, tgi) as again, impatient(Rows(again.database)):
        await asked(tgi, before + 2)
        tgi.max_concurrent_requests = 128
        await until_over(again)

    (shown,) = bot_messages(telegram, person)
    assert shown.count(WAITING) == 1
    assert "angekommen" in shown[-1]


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
