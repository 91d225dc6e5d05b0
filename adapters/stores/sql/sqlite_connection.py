"""SQLite's connection: in the event loop where nothing waits, in a thread where something may."""

from __future__ import annotations

import sqlite3
from typing import TYPE_CHECKING, Any, TypeVar

import aiosqlite

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

_Result = TypeVar("_Result")

_STATEMENTS = 256
"""Compiled statements that SQLite keeps; each takes a few kilobytes."""


async def connect(file: Path, lock_seconds: float) -> aiosqlite.Connection:
    """A connection to the file. ``lock_seconds``: how long it waits for another process's lock."""
    connection = _Direct(
        lambda: sqlite3.connect(
            file, timeout=lock_seconds, check_same_thread=False, cached_statements=_STATEMENTS, isolation_level=None
        ),
        iter_chunk_size=64,
    )
    connection._thread.daemon = True  # noqa: SLF001 - as SQLAlchemy does: a thread of the driver must not hold up the end
    return await connection


class _Direct(aiosqlite.Connection):
    """Statements of ours take some ten microseconds, less than the way to a thread and back, of which an answer would
    make seventy. What may wait goes to the thread: taking the lock of a write, the commit, and whatever is not one of
    our short statements. A read waits for nobody in write-ahead mode.
    """

    def __init__(self, connector: Callable[[], sqlite3.Connection], iter_chunk_size: int) -> None:
        super().__init__(connector, iter_chunk_size)
        # What the thread has not finished; whoever asked for it may have been cancelled since.
        self._waiting: set[object] = set()

    async def _execute(self, fn: Callable[..., _Result], *args: Any, **kwargs: Any) -> _Result:
        """The one way by which the driver's methods reach SQLite."""
        if self._connection is not None and not self._waiting and _is_short(fn, args):
            return fn(*args, **kwargs)
        token = object()
        self._waiting.add(token)

        def in_thread() -> _Result:
            try:
                return fn(*args, **kwargs)
            finally:
                self._waiting.discard(token)

        result: _Result = await super()._execute(in_thread)  # type: ignore[no-untyped-call]  # the driver types it not
        return result


def _is_short(call: Callable[..., object], args: tuple[Any, ...]) -> bool:
    owner, name = getattr(call, "__self__", None), getattr(call, "__name__", "")
    if isinstance(owner, sqlite3.Connection):
        return name in {"cursor", "rollback"}
    if not isinstance(owner, sqlite3.Cursor):
        return False
    return name not in {"execute", "executemany"} or str(args[0]).startswith(_SHORT)


_SHORT = ("SELECT", "INSERT", "UPDATE", "DELETE", "WITH", "BEGIN DEFERRED")
