"""The migrations, on both databases from the first one on."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import MetaData, String, text

from adapters.stores.sql.database import Database
from adapters.stores.sql.operator_tables import operators
from adapters.stores.sql.types import UtcTime
from adapters.stores.sql.upgrade import _UPGRADE_LOCK, NEWEST, alembic_config, missing_migrations, upgrade
from conversation.errors import PlauschError
from tests.support.databases import postgres_database

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from sqlalchemy import Column, Connection
    from sqlalchemy.types import TypeEngine

_BOUND_SECONDS = 30
PARTIAL = {
    "ix_answers_parked",
    "ix_conversations_free",
    "ix_conversations_leased",
    "ix_conversations_waiting",
    "ix_turns_waiting",
}


@pytest.fixture(params=["sqlite", "postgresql"])
async def empty_url(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[str]:
    """A database of each kind with nothing in it."""
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path / 'plausch.sqlite3'}"
        return
    async with postgres_database(request.getfixturevalue("postgres_socket")) as url:
        yield url


@pytest.fixture
async def empty(empty_url: str) -> AsyncIterator[Database]:
    database = Database(empty_url)
    yield database
    await database.aclose()


@pytest.fixture
async def another(empty_url: str) -> AsyncIterator[Database]:
    """The same database, as a second process has it."""
    database = Database(empty_url)
    yield database
    await database.aclose()


async def test_the_migrations_lead_to_exactly_the_tables_that_the_queries_know(empty: Database) -> None:
    await upgrade(empty)
    async with empty.reading() as connection:
        assert await connection.run_sync(_differences) == []
        assert await connection.run_sync(_partial_indexes) == PARTIAL


def test_the_newest_migration_is_the_one_that_the_queries_know() -> None:
    assert ScriptDirectory.from_config(alembic_config()).get_current_head() == NEWEST


async def test_a_difference_would_be_seen(empty: Database) -> None:
    await upgrade(empty)
    async with empty.writing() as connection:
        await connection.execute(text("DROP INDEX ix_sends_turn_id"))
        await connection.execute(text("ALTER TABLE people ADD COLUMN shoe_size INTEGER"))
    async with empty.reading() as connection:
        found = await connection.run_sync(_differences)
    assert {difference[0] for difference in found} == {"add_index", "remove_column"}


async def test_every_default_is_the_databases_own(empty: Database) -> None:
    """Alembic compares defaults by their text, which each database writes in its own way: so try them instead."""
    await upgrade(empty)
    async with empty.reading() as connection:
        reflected = MetaData()
        await connection.run_sync(reflected.reflect)
    for table in operators.metadata.sorted_tables:
        for column in table.columns:
            theirs = reflected.tables[table.name].columns[column.name].server_default
            assert (theirs is None) == (column.server_default is None), f"{table.name}.{column.name}"


async def test_upgrading_twice_changes_nothing(empty: Database) -> None:
    assert await missing_migrations(empty)
    await upgrade(empty)
    assert not await missing_migrations(empty)
    async with empty.writing() as connection:
        await connection.execute(text("INSERT INTO service_keys (name, value) VALUES ('kept', 'still here')"))
    await upgrade(empty)
    assert not await missing_migrations(empty)
    async with empty.reading() as connection:
        assert (await connection.execute(text("SELECT value FROM service_keys"))).scalar_one() == "still here"


async def test_of_two_that_upgrade_at_once_one_waits(empty: Database, another: Database) -> None:
    async with empty.writing() as connection:
        if not empty.is_sqlite:
            await connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": _UPGRADE_LOCK})
        waits = asyncio.create_task(upgrade(another))
        done, _ = await asyncio.wait({waits}, timeout=0.3)
        assert not done
    async with asyncio.timeout(_BOUND_SECONDS):
        await waits
    assert not await missing_migrations(empty)


async def test_two_that_upgrade_at_once_both_find_it_done(empty: Database, another: Database) -> None:
    async with asyncio.timeout(_BOUND_SECONDS):
        await asyncio.gather(upgrade(empty), upgrade(another))
    async with another.reading() as connection:
        assert await connection.run_sync(_differences) == []


async def test_an_upgrade_that_breaks_off_leaves_nothing_behind(empty: Database) -> None:
    async with empty.writing() as connection:
        await connection.execute(text("CREATE TABLE sends (in_the_way INTEGER)"))
    with pytest.raises(PlauschError):
        await upgrade(empty)
    async with empty.writing() as connection:
        reflected = MetaData()
        await connection.run_sync(reflected.reflect)
        assert set(reflected.tables) == {"sends"}
        await connection.execute(text("DROP TABLE sends"))
    await upgrade(empty)
    assert not await missing_migrations(empty)


def _differences(connection: Connection) -> list[Any]:
    context = MigrationContext.configure(connection, opts={"compare_type": _differs})
    return [difference for difference in compare_metadata(context, operators.metadata) if not _is_alembics(difference)]


def _is_alembics(difference: Any) -> bool:
    """Alembic's own table is none of ours."""
    return bool(difference[0] == "remove_table" and difference[1].name == "alembic_version")


def _differs(
    context: MigrationContext,
    _: Column[Any],
    metadata_column: Column[Any],
    reflected: TypeEngine[Any],
    expected: TypeEngine[Any],
) -> bool | None:
    """Alembic compares a type decorator by the base that it is written for; ours picks another for SQLite."""
    del metadata_column
    if isinstance(expected, UtcTime) and context.dialect.name == "sqlite":
        length: int | None = reflected.length if isinstance(reflected, String) else None
        return length != 26
    return None


def _partial_indexes(connection: Connection) -> set[str]:
    """Alembic does not compare the conditions of indexes: read which have one."""
    catalogue = (
        "SELECT name, sql FROM sqlite_master WHERE type = 'index' AND sql IS NOT NULL"
        if connection.dialect.name == "sqlite"
        else "SELECT indexname, indexdef FROM pg_indexes WHERE schemaname = 'public'"
    )
    return {name for name, statement in connection.execute(text(catalogue)) if " WHERE " in statement}
