"""Brings an empty database to the schema of the first version, in a process of its own: Alembic knows one at a time."""

from __future__ import annotations

import asyncio
import os
import sys
from typing import TYPE_CHECKING

from alembic import command

from adapters.stores.sql.database import Database
from adapters.stores.sql.upgrade import alembic_config

if TYPE_CHECKING:
    from sqlalchemy import Connection

FIRST = "0001"


async def to_first(url: str) -> None:
    """Let such a process do it. Raises ``AssertionError`` where it can't."""
    path = {"PYTHONPATH": os.pathsep.join(sys.path)}
    process = await asyncio.create_subprocess_exec(sys.executable, "-m", __name__, url, env=os.environ | path)
    assert await process.wait() == 0


async def _main(url: str) -> None:
    def migrate(connection: Connection) -> None:
        command.upgrade(alembic_config(connection), FIRST)

    database = Database(url)
    async with database.writing() as connection:
        await connection.run_sync(migrate)
    await database.aclose()


if __name__ == "__main__":
    asyncio.run(_main(sys.argv[1]))
