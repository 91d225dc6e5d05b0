"""The composition root: makes every part, runs them, and ends them in order."""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
from typing import TYPE_CHECKING, Any

import structlog
from filelock import FileLock, Timeout

from adapters.stores.sql.upgrade import upgrade
from bot.parts import Parts
from bot.platforms import Connection, connections
from bot.readiness import Readiness
from bot.web import WebServer, health_routes
from bot.worker import Limits, Worker
from conversation.errors import SettingWrong

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence
    from pathlib import Path

    from bot.models import Served
    from bot.settings import Settings

log = structlog.get_logger(__name__)


class Service(Parts):
    """plausch in one process: web server, platforms, worker and model server."""

    def __init__(self, settings: Settings, model: Served | None = None, *, framed_by: Sequence[str] = ()) -> None:
        """``model`` is made from the settings where it is not given, which may take minutes.

        ``framed_by``: origins that may show the web chat in a frame (the sandbox's page).
        """
        super().__init__(settings, model)
        self.readiness = Readiness()
        self.connections = connections(settings, self.signals, self.store, framed_by)
        routes = [route for connection in self.connections for route in connection.routes(self.intake)]
        self.web = WebServer([*health_routes(self.readiness), *routes], settings.http_host, settings.http_port)
        self._ending = asyncio.Event()
        self.started = False
        """The database is up to date and the worker works."""

    def end(self) -> None:
        """Ask the service to end: answers under way are ended first, within the drain limit."""
        self._ending.set()

    async def run(self) -> None:
        """Run until ``end`` is called. Raises ``SettingWrong`` where a setting turns out not to work."""
        async with self.closing() as stack:
            for connection in self.connections:
                stack.push_async_callback(connection.aclose)
            await self._run()
        if self._alone is not None:
            self._alone.release()

    async def _run(self) -> None:
        async with _cancelled_at_the_end() as tasks:
            serving = asyncio.create_task(self.web.run_until_told())
            parts = [asyncio.create_task(self._answer(tasks))]
            ending = asyncio.create_task(self._ending.wait())
            tasks.extend([*parts, ending])
            log.info("listening", address=self.web.address)
            under_way: list[asyncio.Task[Any]] = [serving, ending, *parts]
            await asyncio.wait(under_way, return_when=asyncio.FIRST_COMPLETED)
            try:
                for part in parts:
                    if part.done():
                        part.result()
            finally:
                await self._drain()
                for connection in self.connections:
                    connection.quieten()
                self.web.should_exit = True
                await serving

    async def _drain(self) -> None:
        if self._worker is not None:
            await self._worker.drain()

    _worker: Worker | None = None
    _alone: FileLock | None = None

    async def _answer(self, tasks: list[asyncio.Task[Any]]) -> None:
        """Everything behind the database: it comes first, the rest side by side."""
        if self.database.is_sqlite:
            self._alone = _the_only_worker(self.database.file)
        await self.readiness.wait_for("database", lambda: upgrade(self.database))
        if self.database.is_sqlite:
            await self.inbox.take_back_leases()
        self._worker = await self._new_worker()
        self.started = True
        parts: list[asyncio.Task[Any]] = [asyncio.create_task(self._worker.run())]
        parts += [asyncio.create_task(self._connect(connection)) for connection in self.connections]
        parts.append(asyncio.create_task(self.readiness.wait_for("model server", self.model.server.describe)))
        tasks.extend(parts)
        await asyncio.gather(*parts)

    async def _new_worker(self) -> Worker:
        limits = Limits()
        platforms = {connection.platform.name: connection.platform for connection in self.connections}
        answerer = await self.answerer(platforms, limits.lease)
        name = f"{socket.gethostname()}:{os.getpid()}"
        return Worker(name, self.inbox, self.signals, answerer, limits)

    async def _connect(self, connection: Connection) -> None:
        await self.readiness.wait_for(connection.platform.name, connection.start)
        await connection.receive(self.intake)


def _the_only_worker(file: Path) -> FileLock:
    """SQLite's file has one worker process. Raises ``SettingWrong`` where another works with it."""
    lock = FileLock(f"{file}.worker", timeout=0)
    try:
        lock.acquire()
    except Timeout:
        problem = f"another plausch works with {file} already."
        cure = "End that one first; to run several, use PostgreSQL."
        raise SettingWrong("PLAUSCH_DATABASE_URL", problem, cure) from None
    return lock


@contextlib.asynccontextmanager
async def _cancelled_at_the_end() -> AsyncIterator[list[asyncio.Task[Any]]]:
    tasks: list[asyncio.Task[Any]] = []
    try:
        yield tasks
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
