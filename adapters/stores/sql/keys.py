"""Secrets that the service makes for itself and shares among its processes."""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING

from sqlalchemy import select

from adapters.stores.sql.tables import service_keys
from adapters.stores.sql.types import insert_into

if TYPE_CHECKING:
    from adapters.stores.sql.database import Database


async def service_key(database: Database, name: str) -> bytes:
    """The key of this name, 32 bytes; drawn at random the first time. Raises ``StoreUnavailable``."""
    async with database.writing() as connection:
        fresh = insert_into(connection, service_keys).values(name=name, value=secrets.token_hex(32))
        await connection.execute(fresh.on_conflict_do_nothing())
        return bytes.fromhex((await connection.execute(select(service_keys.c.value).filter_by(name=name))).scalar_one())
