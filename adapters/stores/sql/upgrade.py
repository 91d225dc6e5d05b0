"""Bring a database's schema up to date."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sqlalchemy import inspect, text

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from sqlalchemy import Connection
    from sqlalchemy.ext.asyncio import AsyncConnection

    from adapters.stores.sql.database import Database

NEWEST = "0003"
"""The revision that this version's queries know. Alembic, which takes a third of a second to import, is needed only
where a database has an older one. Revisions are numbers of four digits, and each only adds to the one before, so that
workers of the version before go on working."""
_FIRST = "0001"

# One number for the whole product: whoever holds this advisory lock of PostgreSQL may change the schema.
_UPGRADE_LOCK = 0x706C61757363
_LOOK_AGAIN_SECONDS = 0.2
_log = logging.getLogger(__name__)


def alembic_config(connection: Connection | None = None) -> Any:
    """Alembic's configuration; what runs uses this connection, in its transaction where it has one."""
    from alembic.config import Config  # noqa: PLC0415 - late, see NEWEST

    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations"))
    config.attributes["connection"] = connection
    return config


async def upgrade(database: Database) -> None:
    """Run the migrations that are missing, under a lock: of two that start, one waits.

    The tables of an empty database come in one transaction, on SQLite all else too. On PostgreSQL later migrations go
    step by step beside running workers; one that breaks off is taken up again by the next ``upgrade``.
    Raises ``StoreUnavailable``.
    """
    revision = await _stands_at(database)
    if revision is not None and revision > NEWEST:
        _log.warning("the database is of a newer version (%s) than this one (%s), which goes on", revision, NEWEST)
    if revision is not None and revision >= NEWEST:
        return
    if database.is_sqlite:
        async with database.writing() as connection:
            if await connection.run_sync(_revision) != NEWEST:
                await connection.run_sync(_migrate, NEWEST)
        return
    async with database.changing() as connection, _alone(connection):
        current = await connection.run_sync(_revision)
        if current is None:
            await connection.run_sync(_migrate, _FIRST)
        await connection.commit()
        if current is None or current < NEWEST:
            await connection.run_sync(_migrate, NEWEST)


async def missing_migrations(database: Database) -> bool:
    """Whether ``upgrade`` would change anything."""
    revision = await _stands_at(database)
    return revision is None or revision < NEWEST


@contextlib.asynccontextmanager
async def _alone(connection: AsyncConnection) -> AsyncIterator[None]:
    """Hold PostgreSQL's lock, which ends with the connection at the latest.

    Whoever waits for it holds no snapshot meanwhile: an index that is built beside running work waits for all of those.
    """
    ours = text("SELECT pg_try_advisory_lock(:lock)")
    while not (await connection.execute(ours, {"lock": _UPGRADE_LOCK})).scalar_one():
        await connection.commit()
        await asyncio.sleep(_LOOK_AGAIN_SECONDS)
    await connection.commit()
    yield


def _migrate(connection: Connection, target: str) -> None:
    from alembic import command  # noqa: PLC0415 - late, see NEWEST

    command.upgrade(alembic_config(connection), target)


async def _stands_at(database: Database) -> str | None:
    async with database.reading() as connection:
        return await connection.run_sync(_revision)


def _revision(connection: Connection) -> str | None:
    if not inspect(connection).has_table("alembic_version"):
        return None
    revision: str | None = connection.execute(text("SELECT version_num FROM alembic_version")).scalar()
    return revision
