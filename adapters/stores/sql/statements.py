"""Statements that are built once, and how they run without SQLAlchemy's engine where every microsecond counts."""

from __future__ import annotations

from collections import namedtuple
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

from sqlalchemy.dialects import postgresql, sqlite

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Callable, Mapping, Sequence

    from sqlalchemy import Dialect, Executable

    Values = Mapping[str, Any] | Sequence[Mapping[str, Any]]

_Statement = TypeVar("_Statement", bound="Executable")
_FORMS = "plausch_forms"


class Connection(Protocol):
    """What statements run on: SQLAlchemy's ``AsyncConnection``, or SQLite's in the event loop (``Direct``)."""

    @property
    def dialect(self) -> Dialect:
        """Whose words it speaks."""

    async def execute(self, statement: Any, parameters: Any = None, /) -> Any:
        """Run the statement; the rows can be iterated, and have ``all``, ``one`` and ``scalars``."""


def prepared(statement: _Statement) -> _Statement:
    """A statement for ``Direct``, which keeps what it compiles of it."""
    kept: _Statement = statement.execution_options(**{_FORMS: {}})
    return kept


def in_both(made: Callable[[Any], Any]) -> Mapping[str, Any]:
    """A statement for each dialect, made with its own INSERT, which knows ON CONFLICT: they have no common base."""
    return {"sqlite": prepared(made(sqlite.insert)), "postgresql": prepared(made(postgresql.insert))}


class Rows(list[Any]):
    """The rows of a result, all of them read."""

    def all(self) -> Rows:
        """Themselves."""
        return self

    def one(self) -> Any:
        """The only one."""
        (row,) = self
        return row

    def scalars(self) -> Rows:
        """Each row's first value."""
        return Rows(row[0] for row in self)


class Direct:
    """A SQLite connection whose statements run at once, in the thread that asks.

    One of ours takes some ten microseconds; SQLAlchemy's engine and the way to a driver's thread and back take twenty
    times as long, and an answer needs some forty statements.
    """

    def __init__(self, driver: sqlite3.Connection, dialect: Dialect) -> None:
        self.driver = driver
        self.dialect = dialect

    async def execute(self, statement: Any, parameters: Any = None, /) -> Rows:
        """See ``Connection``. Raises the driver's errors."""
        many = isinstance(parameters, (list, tuple))
        first: Mapping[str, Any] = (parameters[0] if many else parameters) or {}
        form = _form(statement, self.dialect, tuple(first))
        if many:
            self.driver.executemany(form.words, [form.values(each) for each in parameters])
            return Rows()
        return form.rows(self.driver.execute(form.words, form.values(first)).fetchall())


def _form(statement: Any, dialect: Dialect, names: tuple[str, ...]) -> _Form:
    forms: dict[tuple[str, ...], _Form] | None = statement.get_execution_options().get(_FORMS)
    if forms is None:
        return _Form(statement, dialect, names)
    form = forms.get(names)
    if form is None:
        form = forms[names] = _Form(statement, dialect, names)
    return form


class _Form:
    """A statement in SQLite's words, how its values are bound, and how its rows are read."""

    def __init__(self, statement: Any, dialect: Dialect, names: tuple[str, ...]) -> None:
        compiled = statement.compile(dialect=dialect, column_keys=names if statement.is_insert else None)
        self.words = str(compiled)
        binds = [compiled.binds[name] for name in compiled.positiontup or ()]
        self._fixed = {bind.key: _bound(bind, dialect)(bind.value) for bind in binds if not bind.required}
        self._binds = [(bind.key, _bound(bind, dialect)) for bind in binds]
        columns = list(getattr(statement, "exported_columns", ()))
        self._read = [column.type.dialect_impl(dialect).result_processor(dialect, None) for column in columns]
        self._row: Callable[[Any], Any] = tuple
        if columns:
            self._row = _row_class([str(column.key) for column in columns])._make

    def values(self, given: Mapping[str, Any]) -> list[Any]:
        """The values in the order of the statement's question marks."""
        fixed = self._fixed
        return [bound(given[key]) if key in given else fixed[key] for key, bound in self._binds]

    def rows(self, found: Sequence[Any]) -> Rows:
        """Rows with the columns' names and types."""
        if not self._read:
            return Rows(found)
        read = self._read
        return Rows(
            self._row([value if of is None else of(value) for of, value in zip(read, row, strict=True)])
            for row in found
        )


def _row_class(columns: list[str]) -> Any:
    return namedtuple("Row", columns, rename=True)  # noqa: PYI024 - known at run time only


def _bound(bind: Any, dialect: Dialect) -> Callable[[Any], Any]:
    return bind.type.dialect_impl(dialect).bind_processor(dialect) or _as_it_is


def _as_it_is(value: Any) -> Any:
    return value
