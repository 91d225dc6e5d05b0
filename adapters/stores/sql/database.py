"""One database: its engine, its transactions, and the gathering of writes."""

from __future__ import annotations

import asyncio
import contextlib
from collections import defaultdict
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias, TypeVar

from sqlalchemy import event, make_url
from sqlalchemy.exc import DataError, DBAPIError, IntegrityError, ProgrammingError, SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine

from conversation.errors import PlauschError, SettingWrong, StoreFault, StoreUnavailable

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence

    from sqlalchemy import Connection

Item = TypeVar("Item")
Result = TypeVar("Result")
Statements: TypeAlias = "Callable[[AsyncConnection, Sequence[Item]], Awaitable[Sequence[Result | PlauschError]]]"
Waiting: TypeAlias = "tuple[Any, Any, asyncio.Future[Any]]"

# How long a statement may wait for a lock before the caller hears that nothing was stored. Slack wants its
# acknowledgement within 3 s, and sends an event again that got a 503.
LOCK_SECONDS = 2.5
MOST_AT_ONCE = 500
"""Writes in one transaction: both databases take some 32,000 values in one statement."""
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
        self._pending: list[Waiting] = []
        self._writer: asyncio.Task[None] | None = None

    async def aclose(self) -> None:
        """End the writer, when it has written what waits, and close every connection."""
        if self._writer is not None:
            await self._writer
        await self.engine.dispose()

    @contextlib.asynccontextmanager
    async def reading(self) -> AsyncIterator[AsyncConnection]:
        """A connection for a consistent read."""
        with _unavailable():
            async with self.engine.connect() as connection:
                yield connection

    @contextlib.asynccontextmanager
    async def writing(self) -> AsyncIterator[AsyncConnection]:
        """A write transaction of its own; SQLite's takes the lock at its beginning, so that it can't fail half-way."""
        with _unavailable():
            async with self.engine.connect() as connection:
                await connection.execution_options(plausch_begin="BEGIN IMMEDIATE")
                async with connection.begin():
                    yield connection

    async def write(self, statements: Statements[Item, Result], item: Item) -> Result:
        """Run ``statements`` for this item, in one transaction with whatever else waits; return after the commit.

        ``statements`` gets all waiting items of its kind and returns a result, or the error to raise, for each.
        """
        done: asyncio.Future[Result] = asyncio.get_running_loop().create_future()
        # Whoever waits may be cancelled: then nobody asks for the error.
        done.add_done_callback(lambda settled: settled.exception())
        self._pending.append((statements, item, done))
        if self._writer is None or self._writer.done():
            self._writer = asyncio.create_task(self._write_all())
        return await asyncio.shield(done)

    async def _write_all(self) -> None:
        while self._pending:
            batch, self._pending = self._pending[:MOST_AT_ONCE], self._pending[MOST_AT_ONCE:]
            try:
                await self._commit(batch)
            except StoreUnavailable as trouble:
                for _, _, done in batch:
                    _settle(done, StoreUnavailable(*trouble.args))
            except Exception:  # noqa: BLE001 - one poisonous item must not fail its neighbours: each again, alone
                await self._commit_each(batch)

    async def _commit(self, batch: Sequence[Waiting]) -> None:
        for _ in range(_TRIES - 1):
            with contextlib.suppress(_Deadlock):
                return await self._commit_once(batch)
        return await self._commit_once(batch)

    async def _commit_once(self, batch: Sequence[Waiting]) -> None:
        kinds: defaultdict[Any, list[tuple[Any, asyncio.Future[Any]]]] = defaultdict(list)
        for statements, item, done in batch:
            kinds[statements].append((item, done))
        results: list[tuple[asyncio.Future[Any], Any]] = []
        async with self.writing() as connection:
            for statements, items in kinds.items():
                outcome = await statements(connection, [item for item, _ in items])
                results.extend(zip((done for _, done in items), outcome, strict=True))
        for done, result in results:
            _settle(done, result)

    async def _commit_each(self, batch: Sequence[Waiting]) -> None:
        for one in batch:
            try:
                await self._commit([one])
            except Exception as trouble:  # noqa: BLE001 - whoever waits gets the error
                _settle(one[2], trouble)


class _Deadlock(StoreUnavailable):
    """Two transactions waited for each other, and this one had to give way: the same again will work."""


def _settle(done: asyncio.Future[Any], result: object) -> None:
    if done.done():
        return
    if isinstance(result, BaseException):
        done.set_exception(result)
    else:
        done.set_result(result)


@contextlib.contextmanager
def _unavailable() -> Iterator[None]:
    """Whatever the drivers raise when the database can't be used becomes ``StoreUnavailable``, without bound values."""
    try:
        yield
    except (IntegrityError, DataError, ProgrammingError) as fault:
        # The drivers' words may hold the values, which are people's; the kind and the statement's code must do.
        raise StoreFault(_kind(fault)) from None
    except DBAPIError as trouble:
        code = getattr(trouble.orig, "sqlstate", None) or ""
        if code.startswith(_FAULTS) or _UNFIT in str(trouble.orig):
            raise StoreFault(_kind(trouble) or "a value that fits no column") from None
        kind = _Deadlock if code in _GAVE_WAY else StoreUnavailable
        raise kind(f"{_kind(trouble)}: {str(trouble.orig)[:200]}") from None
    except (SQLAlchemyError, OSError, TimeoutError) as trouble:
        raise StoreUnavailable(type(trouble).__name__) from trouble


# PostgreSQL's classes of errors that lie in the statement or its values, and will come again: data, integrity, syntax,
# limits of the program. SQLAlchemy has a class for some of them only.
_FAULTS = ("22", "23", "42", "54")
_GAVE_WAY = {"40001", "40P01"}
# asyncpg's word for a value that fits no column; SQLAlchemy knows no class for it.
_UNFIT = "invalid input for query argument"


def _kind(error: DBAPIError) -> str:
    return " ".join(filter(None, (type(error.orig).__name__, getattr(error.orig, "sqlstate", None))))


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
    engine = create_async_engine(database.url, connect_args={"timeout": LOCK_SECONDS}, hide_parameters=True)

    @event.listens_for(engine.sync_engine, "connect")
    def prepare(connection: Any, _record: object) -> None:
        # The driver's own transaction handling begins too late; ours is in "begin" below.
        connection.isolation_level = None
        cursor = connection.cursor()
        for pragma in ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON", "secure_delete=ON"):
            cursor.execute(f"PRAGMA {pragma}")
        cursor.close()

    @event.listens_for(engine.sync_engine, "begin")
    def begin(connection: Connection) -> None:
        connection.exec_driver_sql(connection.get_execution_options().get("plausch_begin", "BEGIN"))

    return engine


def _postgresql(database: Database) -> AsyncEngine:
    return create_async_engine(
        database.url,
        pool_size=10,
        pool_pre_ping=True,
        hide_parameters=True,
        connect_args={
            "timeout": 5,
            "command_timeout": 30,
            "server_settings": {"lock_timeout": f"{int(LOCK_SECONDS * 1000)}", "timezone": "UTC"},
        },
    )
