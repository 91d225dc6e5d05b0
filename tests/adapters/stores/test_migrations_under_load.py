"""Migrations run while workers of the version before go on, and are taken up again where they broke off."""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING

import pytest
from alembic import command
from sqlalchemy import text

from adapters.stores.sql.database import Database
from adapters.stores.sql.inbox import SqlInbox
from adapters.stores.sql.migrations import steps
from adapters.stores.sql.upgrade import NEWEST, alembic_config, missing_migrations, upgrade
from tests.support.databases import Rows, postgres_database
from tests.support.inbox import ended
from tests.support.words import question

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from sqlalchemy import Connection

_BOUND_SECONDS = 30
# What the version before writes and reads on a message's way.
_OLD_WAY = """
INSERT INTO conversations (id, platform, workspace, channel, thread, direct, waiting_since)
VALUES ('{room}', 'web', 'w', '', '{room}', true, '2026-01-02 03:04:05');
INSERT INTO turns (id, conversation_id, position, state, arrived_at)
VALUES ('{turn}', '{room}', 1, 'open', '2026-01-02 03:04:05');
UPDATE conversations SET fence = fence + 1, lease_owner = 'old', lease_ends = '2036-01-02 03:04:05' WHERE id = '{room}';
UPDATE turns SET state = 'shown' WHERE id = '{turn}';
UPDATE conversations SET lease_owner = NULL, lease_ends = NULL, waiting_since = NULL WHERE id = '{room}'
"""


@pytest.fixture(params=["sqlite", "postgresql"])
async def old(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Database]:
    """A database as the version before has left it."""
    if request.param == "sqlite":
        database = Database(f"sqlite:///{tmp_path / 'plausch.sqlite3'}")
        await _at_first(database)
        yield database
        await database.aclose()
        return
    async with postgres_database(request.getfixturevalue("postgres_socket")) as url:
        database = Database(url)
        await _at_first(database)
        yield database
        await database.aclose()


async def _at_first(database: Database) -> None:
    def to_first(connection: Connection) -> None:
        command.upgrade(alembic_config(connection), "0001")

    async with database.writing() as connection:
        await connection.run_sync(to_first)


only_postgresql = pytest.mark.parametrize("old", ["postgresql"], indirect=True)


async def old_message(rows: Rows, number: int) -> None:
    """One message on its way through a worker of the version before."""
    room, turn = f"00000000-0000-7000-8000-{number:012}", f"00000000-0000-7000-9000-{number:012}"
    for statement in _OLD_WAY.split(";"):
        await rows.change(statement.format(room=room, turn=turn))


async def test_workers_of_the_version_before_go_on_while_it_runs_and_after_it(old: Database) -> None:
    rows, done = Rows(old), asyncio.Event()

    async def work(first: int) -> int:
        number = first
        while not done.is_set() or number - first < 3:
            await old_message(rows, number)
            number += 1
        return number - first

    working = [asyncio.create_task(work(first)) for first in (1_000, 2_000_000)]
    await upgrade(old)
    done.set()
    async with asyncio.timeout(_BOUND_SECONDS):
        served = sum(await asyncio.gather(*working))
    await old_message(rows, 5_000_000)

    assert not await missing_migrations(old)
    assert await rows.select("SELECT count(*) FROM turns WHERE state = 'shown'") == [(served + 1,)]
    await SqlInbox(old).put(question())
    assert (await ended(SqlInbox(old))).command is None


async def test_a_turn_that_the_version_before_stored_is_answered_by_this_one(old: Database) -> None:
    await upgrade(old)
    for statement in _OLD_WAY.split(";")[:2]:
        room, turn = "00000000-0000-7000-8000-000000000001", "00000000-0000-7000-9000-000000000001"
        values = (room.replace("-", ""), turn.replace("-", "")) if old.is_sqlite else (room, turn)
        await Rows(old).change(statement.format(room=values[0], turn=values[1]))

    claim = await SqlInbox(old).claim("w", 30, ["web"])

    assert claim is not None
    await SqlInbox(old).shown(claim)
    assert await SqlInbox(old).open_turns() == 0


@only_postgresql
async def test_a_step_that_does_not_get_its_lock_holds_up_nobody_and_tries_again(
    old: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(steps, "LOCK_SECONDS", 0.05)
    monkeypatch.setattr(steps, "PAUSE_SECONDS", 0.05)
    async with old.writing() as busy:
        await busy.execute(text("SELECT * FROM conversations"))  # a long transaction
        upgrading = asyncio.create_task(upgrade(old))
        async with asyncio.timeout(_BOUND_SECONDS):
            for number in range(5):
                await old_message(Rows(old), number)
        assert not upgrading.done()
    async with asyncio.timeout(_BOUND_SECONDS):
        await upgrading
    assert not await missing_migrations(old)


@only_postgresql
async def test_one_that_broke_off_is_taken_up_again_and_a_half_built_index_is_made_anew(old: Database) -> None:
    await upgrade(old)
    rows = Rows(old)
    await rows.change("UPDATE alembic_version SET version_num = '0001'")
    await rows.change("DROP INDEX ix_answers_parked")
    await rows.change(
        "UPDATE pg_index SET indisvalid = false WHERE indexrelid = 'ix_conversations_free'::regclass"
    )  # as a kill leaves it

    await upgrade(old)

    assert not await missing_migrations(old)
    assert await rows.select("SELECT count(*) FROM pg_index WHERE NOT indisvalid") == [(0,)]
    assert await rows.select("SELECT count(*) FROM pg_indexes WHERE indexname = 'ix_answers_parked'") == [(1,)]


async def test_a_database_of_a_newer_version_is_used_with_a_warning(
    old: Database, caplog: pytest.LogCaptureFixture
) -> None:
    await upgrade(old)
    await Rows(old).change("UPDATE alembic_version SET version_num = '9999'")

    with caplog.at_level(logging.WARNING, "adapters.stores.sql.upgrade"):
        await upgrade(old)

    assert f"newer version (9999) than this one ({NEWEST})" in caplog.text
    assert not await missing_migrations(old)
    await SqlInbox(old).put(question())
