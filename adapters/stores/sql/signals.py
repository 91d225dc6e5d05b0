"""Signals by PostgreSQL's ``LISTEN`` and ``NOTIFY``."""

from __future__ import annotations

import asyncio
import contextlib
import uuid
from typing import TYPE_CHECKING, Any

import asyncpg

from adapters.stores.signals.ways import NotSent
from adapters.stores.signals.wire import SIGNALS, call_to_wire, told_to_wire
from adapters.stores.sql.signals_line import NotifyLine
from adapters.stores.sql.signals_pieces import pieces

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from adapters.stores.signals.ways import Batch
    from adapters.stores.sql.database import Database

CONNECT_SECONDS = 5.0
_TROUBLE = (asyncpg.PostgresError, asyncpg.InterfaceError, asyncpg.InternalClientError, OSError, TimeoutError)
_NOTIFY = "SELECT pg_notify(channel, content) FROM unnest($1::text[], $2::text[]) AS told(channel, content)"
# What belongs to SQLAlchemy and not to the driver, in an address.
_NOT_THE_DRIVERS = {"prepared_statement_cache_size", "prepared_statement_name_func", "async_creator_fn"}


class ListenNotify:
    """``adapters.stores.signals.ways.Way`` by PostgreSQL, on two connections beside the pool.

    The one that listens must not be the one that speaks: only what comes from another connection proves that
    notifications arrive, which they do not through a pooler that lends connections for a transaction.
    """

    name = "PostgreSQL"

    def __init__(self, database: Database) -> None:
        _, arguments = database.engine.dialect.create_connect_args(database.url)
        self._arguments: dict[str, Any] = {
            **{name: value for name, value in arguments.items() if name not in _NOT_THE_DRIVERS},
            "timeout": CONNECT_SECONDS,
            # A notification that a power cut swallows is one that nobody waits for any more.
            "server_settings": {"application_name": "plausch signals", "synchronous_commit": "off"},
        }
        self._speaking = asyncio.Lock()
        self._speaker: Any = None

    @contextlib.asynccontextmanager
    async def line(self) -> AsyncIterator[NotifyLine]:
        """A connection that has heard an echo. Raises ``TimeoutError`` where none comes."""
        connection = await asyncpg.connect(**self._arguments)
        try:
            echo = f"plausch:echo:{uuid.uuid4().hex}"
            line = NotifyLine(connection, echo, lambda: self._notify([echo], [""]))
            await line.prove()
            yield line
        except Exception:
            # It may hang: there is nobody to say goodbye to.
            connection.terminate()
            raise
        finally:
            await _close(connection)

    async def send(self, writer: str, batch: Batch) -> None:
        """One statement for all; whoever listens hears it in order."""
        told = [(SIGNALS, call_to_wire(writer, batch))] if batch.concerns_all() else []
        told += [(channel, told_to_wire(frame)) for (channel, _), frame in batch.frames.items()]
        cut = [(channel, piece) for channel, content in told for piece in pieces(content)]
        await self._notify([channel for channel, _ in cut], [piece for _, piece in cut])

    async def knock(self) -> None:
        """Whether it takes notifications."""
        await self._notify([], [])

    async def aclose(self) -> None:
        """Close the connection that speaks."""
        if self._speaker is not None:
            await _close(self._speaker)

    async def _notify(self, channels: list[str], contents: list[str]) -> None:
        async with self._speaking:
            try:
                if self._speaker is None or self._speaker.is_closed():
                    self._speaker = await asyncpg.connect(**self._arguments)
                await self._speaker.execute(_NOTIFY, channels, contents)
            except _TROUBLE as trouble:
                self._leave()
                raise NotSent(type(trouble).__name__) from trouble
            except asyncio.CancelledError:
                # It took too long: what the connection is at now nobody knows.
                self._leave()
                raise

    def _leave(self) -> None:
        if self._speaker is not None:
            self._speaker.terminate()
        self._speaker = None


async def _close(connection: Any) -> None:
    with contextlib.suppress(*_TROUBLE):
        await connection.close(timeout=1)
