"""The worker goes on whatever the database does, and leaves nothing behind when it ends."""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING

import pytest
from sqlalchemy import event

from adapters.standins.telegram.faults import FaultKind
from adapters.stores.sql.arrivals import Arrival
from adapters.stores.sql.put import put
from bot.service import Service
from bot.settings import Settings
from tests.e2e.test_platforms import on_telegram
from tests.support.databases import Rows, opened
from tests.support.service import BOUND_SECONDS, browser, running, until_ready
from tests.support.telegram import ASKER
from tests.support.words import question

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from adapters.standins.telegram.server import StandInTelegram
    from adapters.standins.tgi import StandInTGI

LEASED = "SELECT count(*) FROM conversations WHERE lease_ends IS NOT NULL"
STATES = "SELECT state, count(*) FROM turns GROUP BY state ORDER BY state"


@pytest.fixture
def sqlite_url(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path / 'plausch.sqlite3'}"


@contextlib.asynccontextmanager
async def ended(url: str) -> AsyncIterator[Rows]:
    """What stands in the database of a service that has ended."""
    async with opened(url) as database:
        yield Rows(database)


@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
async def test_a_database_that_refuses_statements_for_a_while_does_not_end_the_worker(
    tgi: StandInTGI, database_url: str
) -> None:
    async with (
        running(database_url=database_url, model_server="tgi", model_url=tgi.url) as service,
        opened(database_url) as other,
        browser(service) as page,
    ):
        refused = asyncio.Event()
        event.listen(service.database.engine.sync_engine, "handle_error", lambda _: refused.set())
        await Rows(other).change("ALTER TABLE conversations RENAME TO away")
        await service.signals.wake()
        await asyncio.wait_for(refused.wait(), 10)
        await Rows(other).change("ALTER TABLE away RENAME TO conversations")

        assert "angekommen" in await page.answer("Hallo!", 1)


async def test_a_fault_of_ours_ends_the_service_loudly(
    tgi: StandInTGI, sqlite_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = {"http_port": 0, "database_url": sqlite_url, "model_server": "tgi", "model_url": tgi.url}
    service = Service(Settings.model_validate(settings))

    async def broken(*_: object, **__: object) -> None:
        raise RuntimeError("a fault of ours")

    monkeypatch.setattr(service.inbox, "claim", broken)

    with pytest.raises(RuntimeError, match="a fault of ours"):
        await asyncio.wait_for(service.run(), BOUND_SECONDS)


async def test_what_nobody_sees_yet_is_handed_back_at_once(
    telegram: StandInTelegram, tgi: StandInTGI, sqlite_url: str
) -> None:
    tgi.pace.pause()
    telegram.fail_next("sendMessage", FaultKind.SERVER_ERROR, times=100)
    async with asyncio.timeout(BOUND_SECONDS), on_telegram(telegram, "polling", sqlite_url, tgi):
        telegram.say(telegram.private(ASKER), "Hallo!", ASKER)
        await tgi.arrivals.get()
        await telegram.wait_for(lambda: telegram.calls["sendMessage"])

    async with ended(sqlite_url) as rows:
        assert await rows.select(STATES) == [("open", 1)]
        assert await rows.select(LEASED) == [(0,)]


async def test_what_does_not_end_within_the_limit_is_handed_back(tgi: StandInTGI, sqlite_url: str) -> None:
    tgi.pace.pause()
    async with (
        running(database_url=sqlite_url, model_server="tgi", model_url=tgi.url, drain_seconds=0.05) as service,
        browser(service) as page,
    ):
        await page.send("Hallo!")
        await tgi.arrivals.get()

    async with ended(sqlite_url) as rows:
        assert await rows.select(STATES) == [("open", 1)]
        assert await rows.select(LEASED) == [(0,)]


async def test_what_waits_for_a_free_place_is_left_to_others_while_what_people_see_is_ended(
    tgi: StandInTGI, sqlite_url: str
) -> None:
    settings = {"http_port": 0, "database_url": sqlite_url, "model_server": "tgi", "model_url": tgi.url}
    service = Service(Settings.model_validate(settings | {"answers_at_once": 1}))
    task = asyncio.create_task(service.run())
    await until_ready(service, task)
    tgi.pace.pause()
    async with browser(service) as first, browser(service) as second:
        await first.send("Hallo!")
        await tgi.arrivals.get()
        tgi.pace.step(4)
        await second.send("Hallo auch!")
        service.end()
        await asyncio.sleep(0)
        tgi.pace.resume()
        await asyncio.wait_for(task, BOUND_SECONDS)

    async with ended(sqlite_url) as rows:
        assert await rows.select(STATES) == [("open", 1), ("shown", 1)]
        assert await rows.select(LEASED) == [(0,)]


async def test_what_is_just_being_claimed_is_not_forgotten(tgi: StandInTGI, sqlite_url: str) -> None:
    async with running(database_url=sqlite_url, model_server="tgi", model_url=tgi.url) as service:
        assert service._worker is not None
        async with opened(sqlite_url) as other, other.writing() as connection:
            await put(connection, [Arrival(question())])
            await service.signals.wake()
            async with asyncio.timeout(10):
                while not service._worker._claiming.locked():  # noqa: ASYNC110 - a lock tells nobody
                    await asyncio.sleep(0)
            service.end()
            await asyncio.sleep(0.05)

    async with ended(sqlite_url) as rows:
        assert await rows.select(LEASED) == [(0,)]
