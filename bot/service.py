"""The composition root: makes every part, runs them, and ends them in order."""

from __future__ import annotations

import asyncio
import contextlib
import os
import secrets
import socket
from typing import TYPE_CHECKING, Any

import structlog
from filelock import FileLock, Timeout
from starlette.routing import Route

from adapters.stores.sql.duties import SqlDuties
from adapters.stores.sql.upgrade import upgrade
from bot.dashboard.mount import Dashboard
from bot.duty import Duty
from bot.models import Served, served
from bot.parts import Parts
from bot.platforms import Connection, connections
from bot.readiness import Readiness
from bot.role import Role
from bot.vigil import Vigil
from bot.web import WebServer, health_routes
from bot.worker import Limits, Worker
from conversation.errors import SettingWrong

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator, Sequence
    from pathlib import Path

    from bot.settings import Settings

log = structlog.get_logger(__name__)


class Service(Parts):
    """plausch in one process: web server, platforms, worker and model server, or those of them that its role needs."""

    def __init__(
        self,
        settings: Settings,
        model: Served | None = None,
        *,
        role: Role = Role.ALL,
        framed_by: Sequence[str] = (),
    ) -> None:
        """``model`` is made from the settings where it is needed and not given, which may take minutes.

        ``framed_by``: origins that may show the web chat in a frame (the sandbox's page).
        Raises ``SettingWrong`` where the role needs another database.
        """
        super().__init__(settings)
        if role is not Role.ALL and self.database.is_sqlite:
            problem = f"--role {role} needs PostgreSQL: SQLite's file is for one process."
            raise SettingWrong("PLAUSCH_DATABASE_URL", problem, "Use postgresql://…, or leave --role out.")
        self.role = role
        self.name = f"{socket.gethostname()}:{os.getpid()}:{secrets.token_hex(4)}"
        self.model = model or (served(settings) if role.answers else None)
        self.readiness = Readiness()
        self.vigil = Vigil(self.inbox, self.readiness, settings.oldest_turn_seconds)
        self.connections = connections(settings, self.signals, self.store, framed_by)
        self.readiness.watch("signals", lambda: self.signals.trouble)
        self.readiness.watch("storing", lambda: self.intake.trouble)
        self.web = WebServer(self._routes(), settings.http_host, settings.http_port)
        self._worker: Worker | None = None
        self._ending = asyncio.Event()
        self.started = False
        """The database is up to date and the worker works."""

    def end(self) -> None:
        """Ask the service to end: answers under way are ended first, within the drain limit."""
        self._ending.set()

    async def run(self) -> None:
        """Run until ``end`` is called. Raises ``SettingWrong`` where a setting turns out not to work."""
        async with self.closing() as stack:
            if self.model is not None:
                stack.push_async_callback(self.model.server.aclose)
            for connection in self.connections:
                stack.push_async_callback(connection.aclose)
            if self.database.is_sqlite:
                stack.enter_context(_the_only_worker(self.database.file))
            await self._run()

    def _routes(self) -> list[Any]:
        # They are tried one after the other: what platforms call, which is most, comes first.
        callers = reversed(self.connections) if self.role.receives else ()
        routes = [route for connection in callers for route in connection.routes(self.intake)]
        return [*routes, *health_routes(self.readiness, self.metrics), Route("/admin{path:path}", self._dashboard())]

    def _dashboard(self) -> Dashboard:
        platforms = [connection.platform.name for connection in self.connections]
        return Dashboard(self.database, self.settings.zone, self.inbox.backlog, self._troubles, platforms)

    def _troubles(self) -> dict[str, str]:
        return self.readiness.troubles | self.readiness.waiting_for

    async def _run(self) -> None:
        async with _cancelled_at_the_end() as tasks:
            serving = asyncio.create_task(self.web.run_until_told())
            working = asyncio.create_task(self._work(tasks))
            ending = asyncio.create_task(self._ending.wait())
            tasks.extend([working, ending])
            log.info("listening", address=self.web.address, role=self.role.value)
            await asyncio.wait({serving, working, ending}, return_when=asyncio.FIRST_COMPLETED)
            try:
                if working.done():
                    working.result()
            finally:
                if self._worker is not None:
                    await self._worker.drain()
                for connection in self.connections:
                    connection.quieten()
                self.web.should_exit = True
                await serving

    async def _work(self, tasks: list[asyncio.Task[Any]]) -> None:
        """Everything behind the database: it comes first, the rest side by side."""
        await self.readiness.wait_for("database", lambda: upgrade(self.database))
        if self.database.is_sqlite:
            await self.inbox.take_back_leases()
        parts = [self.vigil.run(), *map(self._connect, self.connections)]
        if self.model is not None:
            server = self.model.server
            self.readiness.watch("model server", lambda: server.trouble)
            self._worker = await self._new_worker(self.model)
            parts += [self._worker.run(), self.readiness.wait_for("model server", self.model.server.describe)]
        self.metrics.look_at(self.readiness, self.vigil, self._worker)
        self.started = True
        running = [asyncio.create_task(part) for part in parts]
        tasks.extend(running)
        await asyncio.gather(*running)

    async def _new_worker(self, model: Served) -> Worker:
        limits = Limits(at_once=self.settings.answers_at_once, drain=self.settings.drain_seconds)
        platforms = {connection.platform.name: connection.platform for connection in self.connections}
        answerer = await self.answerer(model, platforms, limits.lease)
        return Worker(self.name, self.inbox, self.signals, answerer, limits)

    async def _connect(self, connection: Connection) -> None:
        name = connection.platform.name

        async def reach() -> None:
            await connection.start()
            if self.role.receives:
                await connection.announce()

        await self.readiness.wait_for(name, reach)
        if not self.role.receives:
            return
        self.readiness.watch(name, connection.trouble)
        if connection.one_at_a_time and not self.database.is_sqlite:
            await Duty(SqlDuties(self.database), f"receive from {name}", self.name).run(
                lambda: connection.receive(self.intake)
            )
        else:
            await connection.receive(self.intake)


@contextlib.contextmanager
def _the_only_worker(file: Path) -> Iterator[None]:
    """SQLite's file has one worker process. Raises ``SettingWrong`` where another works with it."""
    lock = FileLock(f"{file}.worker", timeout=0)
    try:
        lock.acquire()
    except Timeout:
        problem = f"another plausch works with {file} already."
        cure = "End that one first; to run several, use PostgreSQL."
        raise SettingWrong("PLAUSCH_DATABASE_URL", problem, cure) from None
    try:
        yield
    finally:
        lock.release()


@contextlib.asynccontextmanager
async def _cancelled_at_the_end() -> AsyncIterator[list[asyncio.Task[Any]]]:
    tasks: list[asyncio.Task[Any]] = []
    try:
        yield tasks
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
