"""Alembic's entry: runs on the connection that ``upgrade`` hands over, inside its transaction where it has one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

from alembic import context

from adapters.stores.sql.operator_tables import operators
from adapters.stores.sql.types import UtcTime, in_seconds

if TYPE_CHECKING:
    from alembic.autogenerate.api import AutogenContext


def render(kind: str, item: Any, autogenerate: AutogenContext) -> str | Literal[False]:
    """How a new migration names our own types."""
    if kind == "type" and isinstance(item, UtcTime):
        autogenerate.imports.add("from adapters.stores.sql.types import UtcTime, in_seconds")
        return "UtcTime()"
    if kind == "server_default" and isinstance(getattr(item, "arg", None), in_seconds):
        return "in_seconds()"
    return False


context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=operators.metadata,
    render_item=render,
    # SQLite can't change a column in place: Alembic copies the table instead.
    render_as_batch=True,
    transaction_per_migration=True,
)
with context.begin_transaction():
    context.run_migrations()
