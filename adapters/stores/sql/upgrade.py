"""Bring a database's schema up to date."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import TYPE_CHECKING

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import text

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from adapters.stores.sql.database import Database

# One number for the whole product: whoever holds this advisory lock of PostgreSQL may change the schema.
_UPGRADE_LOCK = 0x706C61757363


def _config(connection: Connection | None = None) -> Config:
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations"))
    config.attributes["connection"] = connection
    return config


async def upgrade(database: Database) -> None:
    """Run the migrations that are missing, in one transaction and under a lock: of two that start, one waits.

    Raises ``StoreUnavailable``; nothing has changed then.
    """
    logging.getLogger("alembic").setLevel(logging.WARNING)
    async with database.writing() as connection:
        if not database.is_sqlite:  # SQLite's write lock is held already
            await connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": _UPGRADE_LOCK})
        await connection.run_sync(lambda sync: command.upgrade(_config(sync), "head"))


async def missing_migrations(database: Database) -> bool:
    """Whether ``upgrade`` would change anything."""
    newest = ScriptDirectory.from_config(_config()).get_current_head()
    async with database.reading() as connection:
        current = await connection.run_sync(lambda sync: MigrationContext.configure(sync).get_current_revision())
    return current != newest
