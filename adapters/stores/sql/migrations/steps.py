"""Steps of a migration that may be taken while the service runs, and taken again after a kill in the middle.

On PostgreSQL each step is a transaction of its own. It waits a short time for its lock, so that what queues up behind
it waits no longer, and tries again.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from typing import TYPE_CHECKING

from alembic import op
from sqlalchemy import Index, Table, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.schema import CreateColumn, CreateIndex, CreateTable
from sqlalchemy.util import await_only

if TYPE_CHECKING:
    from collections.abc import Iterator

LOCK_SECONDS = 1.0
"""How long a step waits for its lock, and the statements of running workers behind it."""
PAUSE_SECONDS = 0.5
TRIES = 240
_LOCK_NOT_AVAILABLE = "55P03"
_log = logging.getLogger(__name__)


def is_sqlite() -> bool:
    """SQLite holds its one write lock for the whole migration: its steps need no care."""
    return op.get_bind().dialect.name == "sqlite"


@contextlib.contextmanager
def one_by_one() -> Iterator[None]:
    """Commit each step by itself."""
    if is_sqlite():
        yield
        return
    with op.get_context().autocommit_block():
        _run(f"SET lock_timeout = {int(LOCK_SECONDS * 1000)}")
        yield


def add_columns(table: Table) -> None:
    """Add these columns, with defaults that need no rewriting of the table; one statement, one lock."""
    dialect = op.get_bind().dialect
    columns = [str(CreateColumn(column).compile(dialect=dialect)) for column in table.columns]
    if dialect.name == "sqlite":
        for column in columns:
            _run(f"ALTER TABLE {table.name} ADD COLUMN {column}")
        return
    added = ", ".join(f"ADD COLUMN IF NOT EXISTS {column}" for column in columns)
    _patiently(f"ALTER TABLE {table.name} {added}")


def create_table(table: Table) -> None:
    """Create the table, unless it is there."""
    _patiently(str(CreateTable(table, if_not_exists=True).compile(dialect=op.get_bind().dialect)))


def create_index(index: Index) -> None:
    """Create the index while others write. One that was left half-built is useless and made anew."""
    create = str(CreateIndex(index, if_not_exists=True).compile(dialect=op.get_bind().dialect))
    if is_sqlite():
        _run(create)
        return
    for attempt in range(TRIES):
        if _is_invalid(str(index.name)):
            _patiently(f"DROP INDEX CONCURRENTLY IF EXISTS {index.name}")
        if _granted(create, attempt):
            return


def _patiently(statement: str) -> None:
    for attempt in range(TRIES):
        if _granted(statement, attempt):
            return


def _granted(statement: str, attempt: int) -> bool:
    """Run it; False after a pause where its lock was not to be had."""
    try:
        _run(statement)
    except DBAPIError as trouble:
        if getattr(trouble.orig, "sqlstate", "") != _LOCK_NOT_AVAILABLE or attempt + 1 == TRIES:
            raise
        _log.info("the upgrade waits for a lock and tries again")
        await_only(asyncio.sleep(PAUSE_SECONDS))
        return False
    return True


def _run(statement: str) -> None:
    op.get_bind().execute(text(statement))


def _is_invalid(index: str) -> bool:
    query = text("SELECT 1 FROM pg_index WHERE indexrelid = to_regclass(:name) AND NOT indisvalid")
    return op.get_bind().execute(query, {"name": index}).scalar() is not None
