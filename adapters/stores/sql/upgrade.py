"""Bring a database's schema up to date."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from sqlalchemy import inspect, text

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from adapters.stores.sql.database import Database

NEWEST = "0001"
"""The revision that this version's queries know. Alembic, which takes a third of a second to import, is needed only
where a database has another one."""

# One number for the whole product: whoever holds this advisory lock of PostgreSQL may change the schema.
_UPGRADE_LOCK = 0x706C61757363


def alembic_config(connection: Connection | None = None) -> Any:
    """Alembic's configuration; what runs uses this connection, in its transaction."""
    from alembic.config import Config  # noqa: PLC0415 - late, see NEWEST

    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations"))
    config.attributes["connection"] = connection
    return config


async def upgrade(database: Database) -> None:
    """Run the migrations that are missing, in one transaction and under a lock: of two that start, one waits.

    Raises ``StoreUnavailable``; nothing has changed then.
    """
    if not await missing_migrations(database):
        return
    async with database.writing() as connection:
        if not database.is_sqlite:  # SQLite's write lock is held already
            await connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": _UPGRADE_LOCK})
        await connection.run_sync(_run_migrations)


async def missing_migrations(database: Database) -> bool:
    """Whether ``upgrade`` would change anything."""
    async with database.reading() as connection:
        return await connection.run_sync(_revision) != NEWEST


def _run_migrations(connection: Connection) -> None:
    from alembic import command  # noqa: PLC0415 - late, see NEWEST

    command.upgrade(alembic_config(connection), "head")


def _revision(connection: Connection) -> str | None:
    if not inspect(connection).has_table("alembic_version"):
        return None
    revision: str | None = connection.execute(text("SELECT version_num FROM alembic_version")).scalar()
    return revision
