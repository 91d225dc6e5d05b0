"""Column types and expressions that read the same on SQLite and PostgreSQL."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import uuid_utils
from sqlalchemy import ARRAY, BindParameter, DateTime, Dialect, Float, String, bindparam, literal
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.functions import FunctionElement
from sqlalchemy.types import NullType, TypeDecorator

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from sqlalchemy import ColumnElement, Table
    from sqlalchemy.sql.compiler import SQLCompiler
    from sqlalchemy.types import TypeEngine

    from adapters.stores.sql.statements import Connection

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

    def __init__(self, seconds: float | BindParameter[float] = 0) -> None:
        if isinstance(seconds, BindParameter):
            super().__init__(seconds)
        else:
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


class _Listed(TypeDecorator[Any]):
    """Many values of a type in one parameter: PostgreSQL's array, a JSON text on SQLite."""

    impl = String
    cache_ok = True

    def __init__(self, item: TypeEngine[Any]) -> None:
        super().__init__()
        self.item = item

    def load_dialect_impl(self, dialect: Dialect) -> Any:
        """Pick the parameter's real type."""
        return dialect.type_descriptor(ARRAY(self.item) if dialect.name == "postgresql" else String())

    def process_bind_param(self, value: Any, dialect: Dialect) -> Any:
        """Values of SQLite's columns as JSON."""
        if dialect.name == "postgresql":
            return list(value)
        bound = self.item.dialect_impl(dialect).bind_processor(dialect)
        return json.dumps([bound(one) for one in value] if bound else list(value), ensure_ascii=False)


class among(FunctionElement[bool]):  # noqa: N801 - reads as a function in a statement
    """``column IN (…)`` in the same words for any number of values, so that it is prepared once.

    ``name``: of the parameter that brings the values.
    """

    # As a Boolean it would be compared with 1 on SQLite, which finds no index then.
    type = NullType()  # type: ignore[assignment]  # whoever puts it in a condition does not ask
    inherit_cache = True

    def __init__(self, column: ColumnElement[Any], name: str) -> None:
        super().__init__(column, bindparam(name, type_=_Listed(column.type)))


@compiles(among, "postgresql")
def _among_postgresql(element: among, compiler: SQLCompiler, **kw: Any) -> str:
    column, values = (compiler.process(clause, **kw) for clause in element.clauses)
    return f"{column} = ANY ({values})"


@compiles(among, "sqlite")
def _among_sqlite(element: among, compiler: SQLCompiler, **kw: Any) -> str:
    column, values = (compiler.process(clause, **kw) for clause in element.clauses)
    return f"{column} IN (SELECT value FROM json_each({values}))"  # noqa: S608 - clauses that were compiled


class _Tuples(TypeDecorator[Any]):
    """Many tuples in one parameter, a JSON text: for SQLite."""

    impl = String
    cache_ok = True

    def __init__(self, *items: TypeEngine[Any]) -> None:
        super().__init__()
        self.items = items

    def process_bind_param(self, value: Any, dialect: Dialect) -> Any:
        """Values of SQLite's columns as JSON."""
        bound = [item.dialect_impl(dialect).bind_processor(dialect) for item in self.items]
        rows = [[bind(one) if bind else one for bind, one in zip(bound, row, strict=True)] for row in value]
        return json.dumps(rows, ensure_ascii=False)


class tuples_among(FunctionElement[bool]):  # noqa: N801 - the same
    """``(columns) IN (…)``, as ``among`` says it; ``given_tuples`` makes the parameters."""

    type = NullType()  # type: ignore[assignment]  # as above
    inherit_cache = True

    def __init__(self, columns: Sequence[ColumnElement[Any]], name: str) -> None:
        types = [column.type for column in columns]
        lists = [bindparam(f"{name}{place}", type_=_Listed(one)) for place, one in enumerate(types)]
        super().__init__(*columns, *lists, bindparam(name, type_=_Tuples(*types)))


def given_tuples(connection: Connection, name: str, rows: Collection[Sequence[Any]]) -> dict[str, Any]:
    """The parameters of ``tuples_among`` for these rows, of which there is at least one."""
    if connection.dialect.name == "sqlite":
        return {name: rows}
    return {f"{name}{place}": column for place, column in enumerate(zip(*rows, strict=True))}


@compiles(tuples_among, "postgresql")
def _tuples_among_postgresql(element: tuples_among, compiler: SQLCompiler, **kw: Any) -> str:
    clauses = [compiler.process(clause, **kw) for clause in list(element.clauses)[:-1]]
    half = len(clauses) // 2
    return f"({', '.join(clauses[:half])}) IN (SELECT * FROM unnest({', '.join(clauses[half:])}))"  # noqa: S608 - as above


@compiles(tuples_among, "sqlite")
def _tuples_among_sqlite(element: tuples_among, compiler: SQLCompiler, **kw: Any) -> str:
    *clauses, last = element.clauses
    columns = [compiler.process(column, **kw) for column in clauses[: len(clauses) // 2]]
    values = ", ".join(f"json_extract(value, '$[{place}]')" for place in range(len(columns)))
    rows = compiler.process(last, **kw)
    return f"({', '.join(columns)}) IN (SELECT {values} FROM json_each({rows}))"  # noqa: S608 - as above


def insert_into(connection: Connection, table: Table) -> Any:
    """The dialect's own INSERT, which knows ON CONFLICT; the two have the same methods and no common base."""
    if connection.dialect.name == "sqlite":
        return sqlite.insert(table)
    return postgresql.insert(table)
