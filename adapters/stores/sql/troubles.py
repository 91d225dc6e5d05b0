"""What the drivers raise, told in plain words and without people's values."""

from __future__ import annotations

import contextlib
import sqlite3
from typing import TYPE_CHECKING

from sqlalchemy.exc import DataError, DBAPIError, IntegrityError, ProgrammingError, SQLAlchemyError

from conversation.errors import StoreFault, StoreUnavailable

if TYPE_CHECKING:
    from collections.abc import Iterator


class GaveWay(StoreUnavailable):
    """Two transactions waited for each other, and this one had to give way: the same again will work."""


_STARTING_OR_ENDING = "PostgreSQL is starting or ending"
# What keeps a database from being used for a while, by its own code (PostgreSQL's SQLSTATE, SQLite's name, whose kinds
# begin alike).
# https://www.postgresql.org/docs/current/errcodes-appendix.html and https://www.sqlite.org/rescode.html
_WORDS = {
    "SQLITE_FULL": "the disk is full",
    "SQLITE_READONLY": "the database can only be read",
    "SQLITE_IOERR": "the disk can't be read or written",
    "SQLITE_CANTOPEN": "the database's file can't be opened",
    "SQLITE_BUSY": "the database is locked by another program",
    "SQLITE_CORRUPT": "the database's file is damaged",
    "SQLITE_NOTADB": "the file is no database",
    "08": "the connection to PostgreSQL was lost",
    "25006": "the database can only be read",
    "53100": "the disk is full",
    "53200": "PostgreSQL is out of memory",
    "53300": "PostgreSQL has too many connections",
    "55P03": "another program holds a lock",
    "57P01": _STARTING_OR_ENDING,
    "57P02": _STARTING_OR_ENDING,
    "57P03": _STARTING_OR_ENDING,
}
# PostgreSQL's classes of errors that lie in the statement or its values, and will come again: data, integrity, syntax,
# limits of the program. SQLAlchemy has a class for some of them only.
_FAULTS = ("22", "23", "42", "54")
_OF_A_VALUE = (IntegrityError, DataError, ProgrammingError)
_OF_A_VALUE_IN_SQLITE = (sqlite3.IntegrityError, sqlite3.DataError, sqlite3.ProgrammingError)
_GAVE_WAY = {"40001", "40P01"}
# asyncpg's word for a value that fits no column; SQLAlchemy knows no class for it.
_UNFIT = "invalid input for query argument"


@contextlib.contextmanager
def told_plainly() -> Iterator[None]:
    """Whatever the drivers raise becomes ``StoreUnavailable`` or ``StoreFault``, without bound values."""
    try:
        yield
    except DBAPIError as error:
        raise _told(error.orig or error, is_fault=isinstance(error, _OF_A_VALUE)) from None
    except sqlite3.Error as error:
        raise _told(error, is_fault=isinstance(error, _OF_A_VALUE_IN_SQLITE)) from None
    except (SQLAlchemyError, OSError, TimeoutError) as trouble:
        raise StoreUnavailable(type(trouble).__name__) from trouble
    except Exception as error:
        # asyncpg's own errors come through where a connection is opened.
        if _code(error) is None:
            raise
        raise _unavailable(error) from None


def _told(cause: BaseException, *, is_fault: bool) -> StoreFault | StoreUnavailable:
    code = _code(cause) or ""
    if _words(code) is None and (is_fault or code.startswith(_FAULTS) or _UNFIT in str(cause)):
        # The drivers' words may hold the values, which are people's; the kind and the statement's code must do.
        return StoreFault(_kind(cause) or "a value that fits no column")
    return _unavailable(cause)


def _unavailable(cause: BaseException) -> StoreUnavailable:
    code = _code(cause) or ""
    if code in _GAVE_WAY:
        return GaveWay(_kind(cause))
    words = _words(code)
    return StoreUnavailable(f"{words} ({code})" if words else f"{_kind(cause)}: {str(cause)[:200]}")


def _words(code: str) -> str | None:
    return next((words for beginning, words in _WORDS.items() if code.startswith(beginning)), None)


def _code(error: BaseException) -> str | None:
    code: str | None = getattr(error, "sqlstate", None) or getattr(error, "sqlite_errorname", None)
    return code


def _kind(error: BaseException) -> str:
    return " ".join(filter(None, (type(error).__name__, getattr(error, "sqlstate", None))))
