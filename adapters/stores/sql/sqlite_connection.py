"""SQLite in the event loop: statements and commits run where they are asked for, the disk is waited for elsewhere."""

from __future__ import annotations

import asyncio
import contextlib
import os
import sqlite3
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

from adapters.stores.sql.statements import Direct
from adapters.stores.sql.troubles import told_plainly

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable
    from pathlib import Path

    from sqlalchemy import Dialect

PRAGMAS = ("foreign_keys=ON", "secure_delete=ON")
_STATEMENTS = 256
"""Compiled statements that SQLite keeps; each takes a few kilobytes."""
_WAL_BYTES = 4 * 1024 * 1024
"""How long the write-ahead log may grow before it goes into the database, which is SQLite's own measure."""
# What ``synchronous=FULL`` does after each commit, and NORMAL leaves to us.
_datasync: Callable[[int], None] = getattr(os, "fdatasync", os.fsync)


class SqliteFile:
    """Two connections to the file, one that reads and one that writes; each is used by one task at a time.

    A commit is seen by everybody at once and takes some microseconds; ``durable`` returns when it is on the disk, and
    takes milliseconds, in which the next transactions run. So whoever was promised that something is stored waits for
    ``durable``, and one wait does for all that was committed before it.
    """

    def __init__(self, file: Path, dialect: Dialect, lock_seconds: float) -> None:
        self._file = file
        self._dialect = dialect
        self._lock_milliseconds = int(lock_seconds * 1000)
        self._reader: Direct | None = None
        self._writer: Direct | None = None
        self._log: int | None = None
        self._log_limit = _WAL_BYTES
        self._thread = ThreadPoolExecutor(1, "sqlite-disk")
        self._syncing: asyncio.Task[None] | None = None
        self._next_sync: asyncio.Task[None] | None = None

    async def aclose(self) -> None:
        """Close both connections, when what is committed is durable."""
        await asyncio.gather(*filter(None, (self._syncing, self._next_sync)), return_exceptions=True)
        for connection in filter(None, (self._reader, self._writer)):
            await self._in_thread(connection.driver.close)
        if self._log is not None:
            os.close(self._log)
        self._reader = self._writer = self._log = None
        self._thread.shutdown(wait=False)

    @contextlib.asynccontextmanager
    async def reading(self) -> AsyncIterator[Direct]:
        """A consistent read. It waits for nobody."""
        with told_plainly():
            if self._reader is None:
                self._reader = self._connected()
            self._reader.driver.execute("BEGIN")
            try:
                yield self._reader
            finally:
                self._reader.driver.rollback()

    @contextlib.asynccontextmanager
    async def writing(self) -> AsyncIterator[Direct]:
        """A write transaction; see ``durable``."""
        with told_plainly():
            if self._writer is None:
                self._writer = self._connected()
            driver = self._writer.driver
            try:
                await self._begin(driver)
                yield self._writer
                driver.execute("COMMIT")
            except BaseException:
                driver.rollback()
                raise
            await self._shorten_log(driver)

    async def _begin(self, driver: sqlite3.Connection) -> None:
        """Take the lock, which is free but for other processes and what else this one does."""
        try:
            driver.execute("BEGIN IMMEDIATE")
        except sqlite3.OperationalError as trouble:
            if trouble.sqlite_errorcode != sqlite3.SQLITE_BUSY:
                raise
            await self._in_thread(lambda: _begin_patiently(driver, self._lock_milliseconds))
        if self._log is None:
            self._follow_log(driver)

    def _follow_log(self, driver: sqlite3.Connection) -> None:
        """From here on, this process brings the log to the disk; where there is none, SQLite goes on doing all that."""
        if driver.execute("PRAGMA journal_mode").fetchone() != ("wal",):
            return
        driver.rollback()
        self._log = os.open(f"{self._file}-wal", os.O_RDWR | getattr(os, "O_BINARY", 0))
        for pragma in ("synchronous=NORMAL", "wal_autocheckpoint=0", "journal_size_limit=0"):
            driver.execute(f"PRAGMA {pragma}")
        driver.execute("BEGIN IMMEDIATE")

    async def _shorten_log(self, driver: sqlite3.Connection) -> None:
        """Bring a long log into the database. The next transaction begins it anew, unless somebody still reads it."""
        if self._log is None or (size := os.fstat(self._log).st_size) < self._log_limit:
            return
        self._log_limit = size + _WAL_BYTES
        with contextlib.suppress(sqlite3.Error):  # it is tried again; a full disk is told by whoever writes
            await self._in_thread(lambda: driver.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchall())
            self._log_limit = _WAL_BYTES

    async def durable(self) -> None:
        """Return when all that was committed is on the disk. Raises ``StoreUnavailable``."""
        if self._log is None:
            return
        if self._next_sync is None or self._next_sync.done():
            self._next_sync = asyncio.create_task(self._sync(self._log, self._syncing))
        with told_plainly():
            await asyncio.shield(self._next_sync)

    async def _sync(self, log: int, before: asyncio.Task[None] | None) -> None:
        if before is not None:
            await asyncio.wait({before})
        # What is committed from here on may come too late for this one.
        self._syncing, self._next_sync = self._next_sync, None
        await self._in_thread(lambda: _datasync(log))

    async def _in_thread(self, call: Callable[[], object]) -> None:
        working = asyncio.get_running_loop().run_in_executor(self._thread, call)
        try:
            await asyncio.shield(working)
        except asyncio.CancelledError:
            # A connection is used by one at a time, whoever gives up waiting.
            await asyncio.wait({working})
            raise

    def _connected(self) -> Direct:
        driver = sqlite3.connect(
            self._file, timeout=0, check_same_thread=False, cached_statements=_STATEMENTS, isolation_level=None
        )
        for pragma in ("synchronous=FULL", *PRAGMAS):
            driver.execute(f"PRAGMA {pragma}")
        return Direct(driver, self._dialect)


def _begin_patiently(driver: sqlite3.Connection, milliseconds: int) -> None:
    driver.execute(f"PRAGMA busy_timeout={milliseconds}")
    try:
        driver.execute("BEGIN IMMEDIATE")
    finally:
        driver.execute("PRAGMA busy_timeout=0")
