"""A database that can't be used says in plain words why, and work goes on once it can."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

import asyncpg
import pytest
from sqlalchemy import make_url, text

from adapters.stores.sql.database import Database
from adapters.stores.sql.inbox import SqlInbox
from adapters.stores.sql.troubles import told_plainly
from conversation.errors import StoreUnavailable
from tests.support.databases import opened
from tests.support.inbox import claimed
from tests.support.words import answer, question

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
    from pathlib import Path

only_sqlite = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
only_postgresql = pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)


@pytest.fixture
def inbox(database: Database) -> SqlInbox:
    return SqlInbox(database)


@contextlib.contextmanager
def with_pragma(database: Database, pragma: str, back: str = "") -> Iterator[None]:
    """Set it on the connection that writes, and set it ``back``."""
    assert database._direct is not None
    assert database._direct._writer is not None
    driver = database._direct._writer.driver
    driver.execute(f"PRAGMA {pragma}")
    yield
    driver.execute(f"PRAGMA {back}")


@only_sqlite
async def test_a_full_disk_is_said_and_all_goes_on_once_there_is_room(database: Database, inbox: SqlInbox) -> None:
    await inbox.put(question("Vorher"))
    claim = await claimed(inbox)
    large, long = question("viel " * 20_000), answer("lang " * 20_000)

    with with_pragma(database, "max_page_count = 1", "max_page_count = 100000"):  # no page more than there are
        attempts: list[Callable[[], Awaitable[object]]] = [
            lambda: inbox.put(large),
            lambda: inbox.decide(claim, long),
        ]
        for attempt in attempts:
            with pytest.raises(StoreUnavailable, match=r"^the disk is full \(SQLITE_FULL\)$"):
                await attempt()

    assert (await inbox.put(large)).new
    await inbox.decide(claim, long)
    await inbox.shown(claim)
    assert (await claimed(inbox)).messages[0].text == large.text


@only_sqlite
async def test_a_file_that_can_only_be_read_is_said(database: Database, inbox: SqlInbox) -> None:
    await inbox.put(question())
    with (
        with_pragma(database, "query_only = ON", "query_only = OFF"),
        pytest.raises(StoreUnavailable, match=r"^the database can only be read \(SQLITE_READONLY\)$"),
    ):
        await inbox.put(question())

    assert (await inbox.put(question())).new


@only_sqlite
async def test_a_file_that_is_none_of_ours_is_said(tmp_path: Path, database_url: str) -> None:
    del database_url
    file = tmp_path / "letter.txt"
    file.write_text("Dear database, " * 1000)
    with pytest.raises(StoreUnavailable, match=r"^the file is no database \(SQLITE_NOTADB\)$"):
        async with opened(f"sqlite:///{file}"):
            pass


@only_sqlite
async def test_a_file_that_another_program_holds_is_said(inbox: SqlInbox, database: Database) -> None:
    async with database.writing():
        with pytest.raises(StoreUnavailable, match=r"locked by another program \(SQLITE_BUSY\)$"):
            await inbox.put(question())


@contextlib.asynccontextmanager
async def altered(url: str, change: str, back: str) -> AsyncIterator[None]:
    """The database or its server with a setting changed, from outside."""
    name = make_url(url).database
    outside = Database(url)
    try:
        async with outside.changing() as connection:
            free = await connection.execution_options(isolation_level="AUTOCOMMIT")
            await free.execute(text(change.format(name)))
            try:
                yield
            finally:
                await free.execute(text("SET default_transaction_read_only = off"))
                await free.execute(text(back.format(name)))
    finally:
        await outside.aclose()


@only_postgresql
async def test_a_server_that_can_only_be_read_is_said(database: Database, inbox: SqlInbox, database_url: str) -> None:
    setting = "ALTER DATABASE {} %s default_transaction_read_only"
    async with altered(database_url, setting % "SET" + " = on", setting % "RESET"):
        await database.engine.dispose()
        with pytest.raises(StoreUnavailable, match=r"^the database can only be read \(25006\)$"):
            await inbox.put(question())

    await database.engine.dispose()
    assert (await inbox.put(question())).new


@only_postgresql
async def test_a_server_with_too_many_connections_is_said(
    database: Database, inbox: SqlInbox, database_url: str
) -> None:
    async with altered(database_url, "ALTER DATABASE {} CONNECTION LIMIT 0", "ALTER DATABASE {} CONNECTION LIMIT -1"):
        await database.engine.dispose()
        # A superuser is let in all the same.
        limited = Database(database_url)
        async with limited.writing() as connection:
            name = f"poor_{make_url(database_url).database}"
            await connection.execute(text(f"CREATE ROLE {name} LOGIN"))
        await limited.aclose()
        poor = Database(make_url(database_url).set(username=name).render_as_string())
        with pytest.raises(StoreUnavailable, match=r"^PostgreSQL has too many connections \(53300\)$"):
            await SqlInbox(poor).put(question())
        await poor.aclose()
        async with database.writing() as connection:
            await connection.execute(text(f"DROP ROLE {name}"))

    assert (await inbox.put(question())).new


@only_postgresql
async def test_a_server_that_ends_a_connection_is_said_and_another_one_is_opened(
    database: Database, inbox: SqlInbox
) -> None:
    with pytest.raises(StoreUnavailable, match=r"^the connection to PostgreSQL was lost \(08003\)$"):
        async with database.writing() as connection:
            await connection.execute(text("SELECT pg_terminate_backend(pg_backend_pid())"))

    assert (await inbox.put(question())).new


@pytest.mark.parametrize(
    ("error", "says"),
    [
        (asyncpg.CannotConnectNowError, "PostgreSQL is starting or ending (57P03)"),
        (asyncpg.AdminShutdownError, "PostgreSQL is starting or ending (57P01)"),
        (asyncpg.DiskFullError, "the disk is full (53100)"),
        (asyncpg.OutOfMemoryError, "PostgreSQL is out of memory (53200)"),
    ],
)
def test_what_a_server_says_where_a_connection_is_opened_is_told_in_plain_words(
    error: type[asyncpg.PostgresError], says: str
) -> None:
    with pytest.raises(StoreUnavailable) as told, told_plainly():
        raise error("as the server words it")

    assert str(told.value) == says


def test_a_fault_of_our_own_stays_what_it_is() -> None:
    with pytest.raises(KeyError), told_plainly():
        raise KeyError
