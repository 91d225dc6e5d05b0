"""Column types and expressions that read the same on SQLite and PostgreSQL."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import uuid_utils
from sqlalchemy import ARRAY, DateTime, Dialect, Float, String, any_, func, literal, select, tuple_
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.functions import FunctionElement
from sqlalchemy.types import TypeDecorator

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Sequence

    from sqlalchemy import ColumnElement, Table
    from sqlalchemy.ext.asyncio import AsyncConnection
    from sqlalchemy.sql.compiler import SQLCompiler

_SQLITE_TIME = "%Y-%m-%d %H:%M:%S.%f"


class UtcTime(TypeDecorator[datetime]):
    """An instant. PostgreSQL keeps ``timestamptz``; SQLite a text in UTC whose order is the order of time."""

    impl = DateTime
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> Any:
        """Pick the column's real type."""
        return dialect.type_descriptor(DateTime(timezone=True) if dialect.name == "postgresql" else String(26))

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> Any:
        """Bring a time with its zone to UTC."""
        if value is None:
            return None
        utc = value.astimezone(UTC)
        return utc if dialect.name == "postgresql" else utc.strftime(_SQLITE_TIME)

    def process_result_value(self, value: Any, dialect: Dialect) -> datetime | None:
        """Give every time its zone."""
        if value is None:
            return None
        if dialect.name == "postgresql":
            instant: datetime = value
            return instant.astimezone(UTC)
        return datetime.fromisoformat(value).replace(tzinfo=UTC)


class in_seconds(FunctionElement[datetime]):  # noqa: N801 - reads as a function in a statement
    """The database's own clock, ``seconds`` from now: leases never depend on a worker's clock."""

    type = UtcTime()
    inherit_cache = True

    def __init__(self, seconds: float = 0) -> None:
        super().__init__(*([literal(float(seconds), Float)] if seconds else []))


@compiles(in_seconds, "postgresql")
def _postgresql(element: in_seconds, compiler: SQLCompiler, **kw: Any) -> str:
    if not len(element.clauses):
        return "clock_timestamp()"
    return f"(clock_timestamp() + make_interval(secs => {compiler.process(element.clauses, **kw)}))"


@compiles(in_seconds, "sqlite")
def _sqlite(element: in_seconds, compiler: SQLCompiler, **kw: Any) -> str:
    if not len(element.clauses):
        return "(strftime('%Y-%m-%d %H:%M:%f', 'now') || '000')"
    seconds = compiler.process(element.clauses, **kw)
    return f"(strftime('%Y-%m-%d %H:%M:%f', 'now', {seconds} || ' seconds') || '000')"


def new_id() -> str:
    """A fresh UUIDv7: ids of one process grow with time, which keeps indexes dense."""
    return str(uuid_utils.uuid7())


def among(connection: AsyncConnection, column: ColumnElement[Any], values: Iterable[Any]) -> ColumnElement[bool]:
    """``column IN values``; on PostgreSQL in the same words for any number of them, so that it is prepared once."""
    if connection.dialect.name == "sqlite":
        return column.in_(list(values))
    return column == any_(literal(list(values), ARRAY(column.type)))


def tuples_among(
    connection: AsyncConnection, columns: Sequence[ColumnElement[Any]], rows: Collection[tuple[Any, ...]]
) -> ColumnElement[bool]:
    """``(columns) IN rows``, as ``among`` says it."""
    if connection.dialect.name == "sqlite":
        return tuple_(*columns).in_(list(rows))
    arrays = [literal([row[place] for row in rows], ARRAY(column.type)) for place, column in enumerate(columns)]
    names = [f"c{place}" for place in range(len(columns))]
    given = func.unnest(*arrays).table_valued(*names).render_derived()
    return tuple_(*columns).in_(select(*(given.c[name] for name in names)))


def insert_into(connection: AsyncConnection, table: Table) -> Any:
    """The dialect's own INSERT, which knows ON CONFLICT; the two have the same methods and no common base."""
    if connection.dialect.name == "sqlite":
        return sqlite.insert(table)
    return postgresql.insert(table)
