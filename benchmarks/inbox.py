"""The durable way of a turn, beside what the database and its driver can do at best.

Ours: a message is put, a turn claimed, decided and shown, each call with a commit of its own to wait for, by 64 tasks
at once; messages come to 640 conversations that exist already. The ceiling: a quarter of the one-row inserts a second
that as many tasks can commit with the bare driver, each statement a transaction (autocommit, which saves the driver the
round trips of BEGIN and COMMIT). SQLite: one connection with our pragmas. PostgreSQL: a pool of 10, ``fsync`` on for
both.
"""

from __future__ import annotations

import contextlib
import itertools
import statistics
import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import aiosqlite
import asyncpg

from adapters.stores.sql.inbox import SqlInbox
from benchmarks.measured import ratio
from benchmarks.pairs import Pairs, interleaved, rate
from conversation.messages import ConversationKey
from conversation.turns import Record
from tests.support.databases import opened, postgres_database, postgres_server
from tests.support.words import answer, question

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from adapters.stores.sql.database import Database
    from benchmarks.measured import Progress, Result

TASKS = 64
COMMITS = 4
"""Put, claim, decide, shown."""
CONVERSATIONS_EACH = 10
POOL = 10
PRAGMAS = ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON", "secure_delete=ON")
TABLE = "CREATE TABLE bare (id INTEGER PRIMARY KEY, text TEXT NOT NULL)"
QUESTION = "Kannst du mir bitte erklären, wie ein Wärmetauscher funktioniert?"
ANSWER = "Ein Wärmetauscher überträgt Wärme von einem Stoff auf einen anderen, ohne dass sich beide mischen. " * 4


async def measure_sqlite(quick: bool, progress: Progress) -> list[Result]:
    """``inbox_sqlite_ratio``."""
    with tempfile.TemporaryDirectory(prefix="plausch-bench-") as folder:
        async with opened(f"sqlite:///{folder}/plausch.sqlite3") as database, bare_sqlite(Path(folder)) as bare:
            return [_result("inbox_sqlite_ratio", await _pairs(database, bare, progress, quick=quick))]


async def measure_postgres(quick: bool, progress: Progress) -> list[Result]:
    """``inbox_postgres_ratio``, on a PostgreSQL of its own."""
    progress(0, "PostgreSQL")
    # The name is short: a socket's address has 107 bytes at most.
    with tempfile.TemporaryDirectory(prefix="plausch-") as folder, postgres_server(Path(folder) / "pg") as socket:
        async with (
            postgres_database(socket) as ours,
            postgres_database(socket) as theirs,
            opened(ours) as database,
            bare_postgres(theirs) as bare,
        ):
            return [_result("inbox_postgres_ratio", await _pairs(database, bare, progress, quick=quick))]


async def _pairs(database: Database, bare: Bare, progress: Progress, *, quick: bool) -> Pairs:
    turns = Turns(SqlInbox(database))

    async def ours(seconds: float) -> float:
        return await rate(turns.turn, TASKS, seconds)

    async def ceiling(seconds: float) -> float:
        return await rate(bare.commit, TASKS, seconds)

    if quick:
        return await interleaved(ours, ceiling, progress, pairs=3, seconds=0.5)
    return await interleaved(ours, ceiling, progress, pairs=7, seconds=2.0)


def _result(key: str, pairs: Pairs) -> Result:
    quarter = [commits / COMMITS for commits in pairs.ceiling]
    raw = {"turns_per_s": statistics.median(pairs.ours), "bare_commits_per_s": statistics.median(pairs.ceiling)}
    return ratio(key, pairs.ours, quarter, **raw)


@dataclass(slots=True)
class Turns:
    """Turns that go their whole way, as often as they are asked to."""

    inbox: SqlInbox
    _count: itertools.count[int] = field(default_factory=itertools.count)

    async def turn(self, task: int) -> None:
        """One message of this task's next chat in, and one turn, whosever it is, to its end."""
        chat = f"{task}-{next(self._count) % CONVERSATIONS_EACH}"
        await self.inbox.put(question(QUESTION, ConversationKey("web", "web", "", chat)))
        claim = None
        while claim is None:  # a chat whose turn is under way with another task is not to be had
            claim = await self.inbox.claim("bench", 15, ["web"])
        await self.inbox.decide(claim, answer(ANSWER, record=_record()))
        await self.inbox.shown(claim)


def _record() -> Record:
    """What the service stores with an answer."""
    sampling = {"answer_tokens": 1024, "temperature": 0.3, "stops": ["</s>", "USER:"]}
    return Record("plausch/stand-in", "em-german", "Du bist ein hilfreicher Assistent.", sampling, "0" * 64, 1, 300, 90)


class Bare:
    """The driver alone: ``commit`` stores one row."""

    async def commit(self, task: int) -> None:
        """One row, durable when it returns."""
        raise NotImplementedError


class BareSqlite(Bare):
    """One aiosqlite connection."""

    def __init__(self, connection: aiosqlite.Connection) -> None:
        self._connection = connection

    async def commit(self, task: int) -> None:
        """Autocommit, and in one call to the driver's thread."""
        await self._connection.execute("INSERT INTO bare (text) VALUES (?)", (f"{task} {QUESTION}",))


class BarePostgres(Bare):
    """A pool of asyncpg's."""

    def __init__(self, pool: Any) -> None:
        self._pool = pool

    async def commit(self, task: int) -> None:
        """Autocommit, on whichever connection is free; the driver keeps the statement prepared."""
        async with self._pool.acquire() as connection:
            await connection.execute("INSERT INTO bare (text) VALUES ($1)", f"{task} {QUESTION}")


@contextlib.asynccontextmanager
async def bare_sqlite(folder: Path) -> AsyncIterator[BareSqlite]:
    """A file of its own."""
    async with aiosqlite.connect(folder / "bare.sqlite3", isolation_level=None) as connection:
        for pragma in PRAGMAS:
            await connection.execute(f"PRAGMA {pragma}")
        await connection.execute(TABLE)
        yield BareSqlite(connection)


@contextlib.asynccontextmanager
async def bare_postgres(url: str) -> AsyncIterator[BarePostgres]:
    """A pool on a database of its own."""
    async with asyncpg.create_pool(url, min_size=POOL, max_size=POOL) as pool:
        assert await pool.fetchval("SHOW fsync") == "on"
        await pool.execute(TABLE.replace("INTEGER PRIMARY KEY", "bigint PRIMARY KEY GENERATED ALWAYS AS IDENTITY"))
        yield BarePostgres(pool)
