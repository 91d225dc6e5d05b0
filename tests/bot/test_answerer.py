"""From a claimed turn to its visible end, whatever comes in between."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING, Any

import pytest

from adapters.platforms.console import Console
from adapters.platforms.slack import people
from adapters.standins.script import Fault, FaultKind, Outcome
from adapters.standins.slack import FaultKind as SlackFault
from adapters.standins.telegram.faults import FaultKind as TelegramFault
from adapters.stores.sql import database as sql_database
from adapters.stores.sql.upgrade import upgrade
from bot import answerer, service
from bot.models import served
from bot.parts import Parts
from bot.settings import Settings
from bot.worker import Limits
from conversation.errors import StoreUnavailable
from conversation.messages import ConversationKey
from conversation.texts import GERMAN
from tests.e2e.test_model_troubles import impatient
from tests.e2e.test_platforms import on_slack, on_telegram
from tests.support.databases import Rows, opened
from tests.support.service import browser, running, until_over
from tests.support.telegram import ASKER
from tests.support.words import question

if TYPE_CHECKING:
    from pathlib import Path

    from adapters.standins.slack import StandInSlack
    from adapters.standins.telegram.server import StandInTelegram
    from adapters.standins.tgi import StandInTGI
    from adapters.stores.sql.database import Database
    from tests.support.slack import Room

FOR_EVER = 3600.0


@pytest.fixture
def database_url(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path / 'plausch.sqlite3'}"


# ── trouble ──────────────────────────────────────────────────────────────────────────────────────────────────────────


async def test_the_next_attempt_begins_when_the_last_call_of_the_one_before_has_ended(
    telegram: StandInTelegram, tgi: StandInTGI, database_url: str
) -> None:
    # The model fails at once, and twice, since a stream that broke is asked for again.
    tgi.faults.extend([Fault(FaultKind.ERROR_EVENT)] * 2)
    telegram.fail_next("sendMessage", TelegramFault.SLOW, seconds=0.5)
    async with on_telegram(telegram, "polling", database_url, tgi) as running_service:
        chat = telegram.private(ASKER)
        async with impatient(Rows(running_service.database)):
            telegram.say(chat, "Hallo!", ASKER)
            await until_over(running_service)

    (shown,) = [message.text for message in telegram.transcript(chat) if message.from_bot]
    assert "angekommen" in shown


async def test_what_a_platform_refuses_is_a_failure_and_the_person_is_told_in_the_end(
    slack: StandInSlack, room: Room, tgi: StandInTGI, database_url: str
) -> None:
    refuse(slack, times=answerer.ATTEMPTS)
    async with on_slack(slack, "socket", database_url, tgi) as running_service:
        rows = Rows(running_service.database)
        async with impatient(rows):
            ts = await slack.say(room.channel, "Hallo!", room.person, mention=True)
            await until_over(running_service)

        assert await rows.select("SELECT kind FROM answers") == [("parked",)]
        assert await rows.select("SELECT failures FROM turns") == [(answerer.ATTEMPTS,)]
    assert GERMAN.parked[:30] in slack.thread(room.channel, ts)[-1].text


async def test_what_a_platform_refuses_again_and_again_is_given_up(
    slack: StandInSlack, room: Room, tgi: StandInTGI, database_url: str
) -> None:
    refuse(slack, times=50)
    async with on_slack(slack, "socket", database_url, tgi) as running_service:
        rows = Rows(running_service.database)
        async with impatient(rows):
            await slack.say(room.channel, "Hallo!", room.person, mention=True)
            await until(rows, "SELECT count(*) FROM turns WHERE state = 'undeliverable'", 1)

        assert await rows.select("SELECT reason FROM turns") == [("Refused",)]
        assert await running_service.inbox.open_turns() == 0


async def test_an_answer_outlives_a_database_that_is_locked_when_it_ends(
    tgi: StandInTGI, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sql_database, "LOCK_SECONDS", 0.05)
    tgi.pace.pause()
    async with (
        running(database_url=database_url, model_server="tgi", model_url=tgi.url) as running_service,
        browser(running_service) as page,
    ):
        await page.send("Hallo!")
        generation = await tgi.arrivals.get()
        async with opened(database_url) as other, other.writing():
            tgi.pace.resume()
            await generation.ended.wait()
            await troubles(running_service.database, 3, monkeypatch)
        (turn,) = await page.settled()

    assert (turn["kind"], len(tgi.requests)) == ("answer", 1)


async def test_a_conversation_whose_lease_ran_out_unnoticed_is_given_back(tgi: StandInTGI, database_url: str) -> None:
    settings = Settings.model_validate({"database_url": database_url, "model_server": "tgi", "model_url": tgi.url})
    parts, model = Parts(settings), served(settings)
    async with parts.closing() as stack:
        stack.push_async_callback(model.server.aclose)
        await upgrade(parts.database)
        hurried = await parts.answerer(model, {"console": Console(parts.signals)}, lease_seconds=0.001)
        await parts.inbox.put(question(key=ConversationKey("console", "console", "", "s")))
        claim = await parts.inbox.claim("w", 60, ["console"])
        assert claim is not None

        await hurried.answer(claim)

        assert await Rows(parts.database).select("SELECT lease_ends FROM conversations") == [(None,)]
        assert await parts.inbox.open_turns() == 1


async def test_whoever_loses_a_conversation_stops_writing(
    tgi: StandInTGI, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(service, "Limits", lambda **_: Limits(lease=0.3))
    tgi.pace.pause()
    async with (
        running(database_url=database_url, model_server="tgi", model_url=tgi.url) as running_service,
        browser(running_service) as page,
    ):
        await page.send("Hallo!")
        generation = await tgi.arrivals.get()
        taken = "UPDATE conversations SET fence = fence + 1, lease_ends = '2999-01-01 00:00:00.000000'"
        await Rows(running_service.database).change(taken)
        await asyncio.wait_for(generation.ended.wait(), 10)

        assert generation.outcome is Outcome.CANCELLED
        assert [turn["state"] for turn in await page.turns()] == ["open"]


# ── stops ────────────────────────────────────────────────────────────────────────────────────────────────────────────


async def test_a_turn_that_waits_for_the_model_server_is_stopped_at_once(
    tgi: StandInTGI, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(answerer, "_OUTAGE_PAUSE", FOR_EVER)
    tgi.faults.append(Fault(FaultKind.STATUS, status=429))
    async with (
        running(database_url=database_url, model_server="tgi", model_url=tgi.url) as running_service,
        browser(running_service) as page,
    ):
        await page.send("Hallo!")
        rested = "SELECT count(*) FROM conversations WHERE not_before IS NOT NULL"
        await until(Rows(running_service.database), rested, 1)
        await page.send("/stop", 2)
        (turn,) = await page.settled()

    assert turn["kind"] == "stopped"


async def test_a_turn_is_stopped_while_names_are_asked_for(
    slack: StandInSlack, room: Room, tgi: StandInTGI, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(people.Directory.__init__, "__defaults__", (time.monotonic, FOR_EVER))
    async with on_slack(slack, "socket", database_url, tgi) as running_service:
        held = slack.hold_next("users.info")
        ts = await slack.say(room.direct, "Hallo!", room.person)
        await held.arrived.wait()
        await slack.say(room.direct, "stop", room.person, thread_ts=ts)
        await until_over(running_service)

        assert tgi.requests == []
        assert any("Gestoppt" in line.text for line in slack.thread(room.direct, ts))
        held.release()


async def test_a_fresh_start_is_made_though_a_stop_came_after_it(tgi: StandInTGI, database_url: str) -> None:
    tgi.pace.pause()
    async with (
        running(database_url=database_url, model_server="tgi", model_url=tgi.url) as running_service,
        browser(running_service) as page,
    ):
        await page.send("Erzähl von Rumpelstilzchen.")
        await tgi.arrivals.get()
        await page.send("/neu", 2)
        await page.send("/stop", 3)
        kinds = [turn["kind"] for turn in await page.settled()]
        tgi.pace.resume()
        await page.answer("Hallo!", 4)

    assert kinds == ["stopped", "notice"]
    assert "Rumpelstilzchen" not in tgi.requests[-1]["inputs"]


def refuse(slack: StandInSlack, times: int) -> None:
    """Slack says no to whatever ends an answer, for a reason that nobody knows."""
    for _ in range(times):
        slack.fail_next("chat.stopStream", SlackFault.ERROR, error="no_reason")


async def troubles(database: Database, count: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Return once so many writes have failed."""
    failed = asyncio.Semaphore(0)
    write = database.write

    async def noted(*arguments: Any, **more: Any) -> Any:
        try:
            return await write(*arguments, **more)
        except StoreUnavailable:
            failed.release()
            raise

    monkeypatch.setattr(database, "write", noted)
    for _ in range(count):
        await asyncio.wait_for(failed.acquire(), 10)


async def until(rows: Rows, count: str, number: int) -> None:
    async with asyncio.timeout(20):
        while (await rows.select(count))[0][0] != number:  # noqa: ASYNC110 - a database has no events for us
            await asyncio.sleep(0.01)
