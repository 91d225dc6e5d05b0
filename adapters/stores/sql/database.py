"""One database: its engine, and its transactions."""

from __future__ import annotations

import asyncio
import contextlib
import sqlite3
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sqlalchemy import event, make_url
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine
from sqlalchemy.pool import NullPool
from sqlalchemy.util import await_only

from adapters.stores.sql.gathering import Gathering, nobody
from adapters.stores.sql.sqlite_connection import PRAGMAS, SqliteFile
from adapters.stores.sql.troubles import told_plainly
from conversation.errors import SettingWrong

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from sqlalchemy import Connection

    from adapters.stores.sql.gathering import Item, Result, Seen, Statements

# How long a statement may wait for a lock before the caller hears that nothing was stored. Slack wants its
# acknowledgement within 3 s, and sends an event again that got a 503.
LOCK_SECONDS = 2.5
# How long PostgreSQL waits for the next statement of a transaction. A process that is stopped in the middle of one, or
# cut off, would keep its rows locked for as long: nobody could answer there, or store a message.
STALL_SECONDS = 5.0
_TRIES = 5
_DRIVERS = {"sqlite": "sqlite+aiosqlite", "postgresql": "postgresql+asyncpg", "postgres": "postgresql+asyncpg"}


class Database:
    """An engine for ``sqlite:///file`` or ``postgresql://…``; which driver speaks to it is decided here."""

    def __init__(self, url: str) -> None:
        parsed = make_url(url)
        self.url = parsed.set(drivername=_DRIVERS[parsed.drivername.partition("+")[0]])
        self.is_sqlite = self.url.get_backend_name() == "sqlite"
        self.file = Path(self.url.database or "")
        """SQLite's file."""
        self.engine = _sqlite(self) if self.is_sqlite else _postgresql(self)
        self._direct: SqliteFile | None = None
        if self.is_sqlite:
            self._direct = direct = SqliteFile(self.file, self.engine.dialect, LOCK_SECONDS)
            self._reads, self._writes = Gathering(direct.reading), Gathering(direct.writing, direct.durable)
            self._aside = self._writes
        else:
            self._reads, self._writes, self._aside = (
                Gathering(way) for way in (self.reading, self.writing, self.writing)
            )

    async def aclose(self) -> None:
        """Carry out what waits, and close every connection."""
        await self._reads.aclose()
        await self._writes.aclose()
        await self._aside.aclose()
        if self._direct is not None:
            await self._direct.aclose()
        await self.engine.dispose()

    @contextlib.asynccontextmanager
    async def reading(self) -> AsyncIterator[AsyncConnection]:
        """A connection for a consistent read."""
        with told_plainly():
            async with self.engine.connect() as connection:
                yield connection

    @contextlib.asynccontextmanager
    async def writing(self) -> AsyncIterator[AsyncConnection]:
        """A write transaction of its own; SQLite's takes the lock at its beginning, so that it can't fail half-way."""
        with told_plainly():
            async with self.engine.connect() as connection:
                await connection.execution_options(plausch_begin="BEGIN IMMEDIATE")
                async with connection.begin():
                    yield connection

    @contextlib.asynccontextmanager
    async def changing(self) -> AsyncIterator[AsyncConnection]:
        """A connection of PostgreSQL for changes of the schema, whose statements may take hours; no transaction yet."""
        engine = create_async_engine(self.url, poolclass=NullPool, connect_args=_patient(None))
        try:
            with told_plainly():
                async with engine.connect() as connection:
                    yield connection
        finally:
            await engine.dispose()

    async def read(self, statements: Statements[Item, Result], item: Item) -> Result:
        """Run ``statements`` for this item, on one connection with whatever else is to be read just now."""
        return await self._reads.add(statements, item)

    async def write(
        self, statements: Statements[Item, Result], item: Item, *, lasting: bool = True, seen: Seen = nobody
    ) -> Result:
        """Run ``statements`` for this item, in one transaction with whatever else waits; return after the commit.

        ``lasting``: return once not even a power cut can undo it. ``seen`` is called when others can see it, which may
        be some milliseconds earlier.
        """
        return await self._writes.add(statements, item, lasting=lasting, seen=seen)

    async def write_aside(self, statements: Statements[Item, Result], item: Item) -> Result:
        """The same in transactions apart from those of ``write``: for what would lock rows in another order."""
        return await self._aside.add(statements, item)


def _make_file(path: Path) -> None:
    """The file and its folder, readable by this user alone: conversations are private. Raises ``SettingWrong``."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch(mode=0o600)
    except OSError as trouble:
        problem = f"{path} can't be made or written ({trouble.strerror})."
        raise SettingWrong("PLAUSCH_DATABASE_URL", problem, "Name a file in a folder that you may write to.") from None


def _sqlite(database: Database) -> AsyncEngine:
    _make_file(database.file)
    engine = create_async_engine(
        database.url, connect_args={"timeout": LOCK_SECONDS, "isolation_level": None}, hide_parameters=True
    )

    @event.listens_for(engine.sync_engine, "connect")
    def prepare(connection: Any, _record: object) -> None:
        cursor = connection.cursor()
        _write_ahead(cursor)
        for pragma in ("synchronous=FULL", *PRAGMAS):
            cursor.execute(f"PRAGMA {pragma}")
        cursor.close()

    @event.listens_for(engine.sync_engine, "begin")
    def begin(connection: Connection) -> None:
        connection.exec_driver_sql(connection.get_execution_options().get("plausch_begin", "BEGIN DEFERRED"))

    return engine


def _write_ahead(cursor: Any) -> None:
    """Turn the write-ahead log on. While another process does the same with a new file, SQLite does not wait."""
    for attempt in range(1, _TRIES + 1):
        try:
            cursor.execute("PRAGMA journal_mode=WAL")
        except sqlite3.OperationalError as trouble:
            if attempt == _TRIES or trouble.sqlite_errorcode != sqlite3.SQLITE_BUSY:
                raise
            await_only(asyncio.sleep(0.05 * attempt))
        else:
            return


def _postgresql(database: Database) -> AsyncEngine:
    return create_async_engine(
        database.url, pool_size=10, pool_pre_ping=True, hide_parameters=True, connect_args=_patient(30)
    )


def _patient(statement_seconds: float | None) -> dict[str, Any]:
    """How long a connection waits for the server, a statement and a lock."""
    server = {
        "lock_timeout": f"{int(LOCK_SECONDS * 1000)}",
        "idle_in_transaction_session_timeout": f"{int(STALL_SECONDS * 1000)}",
        "timezone": "UTC",
        # Compiling our short statements would take longer than running them.
        "jit": "off",
    }
    return {"timeout": 5, "command_timeout": statement_seconds, "server_settings": server}
