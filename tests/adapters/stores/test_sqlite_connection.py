"""SQLite in the event loop: what is promised is on the disk, and nothing else waits for it."""

from __future__ import annotations

import asyncio
import threading
from typing import TYPE_CHECKING, Any

import pytest

from adapters.stores.sql import sqlite_connection
from adapters.stores.sql.inbox import SqlInbox
from adapters.stores.sql.statements import Direct
from conversation.errors import StoreUnavailable
from conversation.messages import ConversationKey
from tests.support.databases import opened
from tests.support.inbox import claimed
from tests.support.words import answer, question

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from adapters.stores.sql.database import Database


class Disk:
    """What brings the log to the disk, held up or broken."""

    def __init__(self) -> None:
        self.syncs = 0
        self.broken = False
        self.free = threading.Event()
        self.free.set()

    def sync(self, _log: int) -> None:
        self.free.wait(20)
        self.syncs += 1
        if self.broken:
            raise OSError(5, "Input/output error")


@pytest.fixture
def disk(monkeypatch: pytest.MonkeyPatch) -> Disk:
    disk = Disk()
    monkeypatch.setattr(sqlite_connection, "_datasync", disk.sync)
    return disk


@pytest.fixture
async def database(tmp_path: Path) -> AsyncIterator[Database]:
    async with opened(f"sqlite:///{tmp_path / 'plausch.sqlite3'}") as database:
        yield database


async def test_what_was_put_returns_once_it_is_on_the_disk_and_is_seen_before(database: Database, disk: Disk) -> None:
    seen = asyncio.Event()
    inbox = SqlInbox(database, arrived=lambda _: seen.set())
    await inbox.put(question())
    seen.clear()
    disk.free.clear()

    putting = asyncio.create_task(inbox.put(question(key=ConversationKey("web", "web", "", "another"))))
    await asyncio.wait_for(seen.wait(), 10)
    claims = [await claimed(inbox), await claimed(inbox)]

    assert {claim.conversation.thread for claim in claims} >= {"another"}
    assert not putting.done()
    disk.free.set()
    assert (await putting).new


async def test_one_wait_for_the_disk_does_for_all_that_was_committed_before_it(database: Database, disk: Disk) -> None:
    inbox = SqlInbox(database)
    await inbox.put(question())
    disk.free.clear()
    keys = [ConversationKey("web", "web", "", str(number)) for number in range(9)]
    seen = asyncio.Semaphore(0)
    others = SqlInbox(database, arrived=lambda _: seen.release())
    before = disk.syncs

    putting = []
    for key in keys:
        putting.append(asyncio.create_task(others.put(question(key=key))))
        await asyncio.wait_for(seen.acquire(), 10)
    disk.free.set()
    await asyncio.gather(*putting)

    assert disk.syncs - before == 2


async def test_what_may_not_be_on_the_disk_is_not_promised(database: Database, disk: Disk) -> None:
    inbox = SqlInbox(database)
    await inbox.put(question())
    claim = await claimed(inbox)
    disk.broken = True

    with pytest.raises(StoreUnavailable):
        await inbox.decide(claim, answer())

    disk.broken = False
    await inbox.decide(claim, answer())


async def test_a_long_log_goes_into_the_database_and_is_begun_anew(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sqlite_connection, "_WAL_BYTES", 400_000)
    database._direct._log_limit = 400_000  # type: ignore[union-attr]  # it is SQLite
    log, sizes = database.file.with_name(f"{database.file.name}-wal"), []

    for _ in range(60):
        await SqlInbox(database).put(question("viel " * 4_000))
        sizes.append(log.stat().st_size)

    assert max(sizes) < 800_000
    assert min(sizes[30:]) < 200_000


async def test_another_process_lock_is_waited_for_beside_the_loop(database: Database) -> None:
    inbox = SqlInbox(database)
    await inbox.put(question())
    async with database.writing():
        putting = asyncio.create_task(inbox.put(question()))
        for _ in range(20):  # the loop goes on
            await asyncio.sleep(0)
        assert not putting.done()

    assert (await putting).new


async def test_no_statement_of_a_turns_way_looks_through_a_table(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: dict[str, int] = {}
    execute = Direct.execute

    async def noted(self: Direct, statement: Any, parameters: Any = None, /) -> Any:
        found = await execute(self, statement, parameters)
        for form in statement.get_execution_options()["plausch_forms"].values():
            asked[form.words] = len(form._binds)
        return found

    monkeypatch.setattr(Direct, "execute", noted)
    inbox = SqlInbox(database)
    await inbox.put(question())
    claim = await claimed(inbox)
    await inbox.renew(claim, 15)
    send = await inbox.sending(claim, 0)
    await inbox.sent(claim, send, "1")
    await inbox.decide(claim, answer())
    await inbox.shown(claim)

    assert len(asked) > 12
    async with database._direct.reading() as connection:  # type: ignore[union-attr]  # it is SQLite
        for words, binds in asked.items():
            if not words.lstrip().startswith("WITH"):  # the line looks through those that wait
                plan = connection.driver.execute(f"EXPLAIN QUERY PLAN {words}", ["[]"] * binds).fetchall()
                scans = [row[3] for row in plan if row[3].startswith("SCAN") and "json_each" not in row[3]]
                assert all("ix_" in scan for scan in scans), (words, scans)
