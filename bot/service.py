"""The composition root: makes every part, runs them, and ends them in order."""

from __future__ import annotations

import asyncio
import contextlib
import hmac
import os
import socket
from typing import TYPE_CHECKING, Any

import structlog

from adapters.stores.memory import InProcessSignals
from adapters.stores.redis.connection import connect
from adapters.stores.redis.hot_window import HotWindow
from adapters.stores.redis.signals import RedisSignals
from adapters.stores.sql.conversations import SqlConversations, SqlPeople
from adapters.stores.sql.database import Database
from adapters.stores.sql.inbox import SqlInbox
from adapters.stores.sql.keys import service_key
from adapters.stores.sql.upgrade import upgrade
from bot.acquaintance import Acquaintance
from bot.answerer import Answerer
from bot.clock import SystemClock
from bot.intake import StoringIntake
from bot.models import Served, served
from bot.platforms import Connection, connections
from bot.readiness import Readiness
from bot.web import WebServer, health_routes
from bot.worker import Limits, Worker
from conversation.dialogue import Dialogue

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from bot.settings import Settings

log = structlog.get_logger(__name__)


class Service:
    """plausch in one process: web server, platforms, worker and model server."""

    def __init__(self, settings: Settings, model: Served | None = None) -> None:
        """``model`` is made from the settings where it is not given, which may take minutes."""
        self.settings = settings
        self.database = Database(settings.database_url)
        self.inbox = SqlInbox(self.database)
        self.redis = connect(settings.redis_url) if settings.redis_url else None
        conversations = SqlConversations(self.database)
        self.store = HotWindow(conversations, self.redis) if self.redis else conversations
        self.people = SqlPeople(self.database)
        self.signals = RedisSignals(self.redis) if self.redis else InProcessSignals()
        self.model = model or served(settings)
        self.intake = StoringIntake(self.inbox, self.signals)
        self.readiness = Readiness()
        self.connections = connections(settings, self.signals, self.store)
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
        async with contextlib.AsyncExitStack() as closing:
            closing.push_async_callback(self.database.aclose)
            closing.push_async_callback(self.model.server.aclose)
            for connection in self.connections:
                closing.push_async_callback(connection.aclose)
            await self._run()

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

    async def _answer(self, tasks: list[asyncio.Task[Any]]) -> None:
        """Everything behind the database: it comes first, the rest side by side."""
        await self.readiness.wait_for("database", lambda: upgrade(self.database))
        if self.database.is_sqlite:
            await self.inbox.take_back_leases()
        key = await service_key(self.database, "prompt_digest")
        self._worker = self._new_worker(key)
        self.started = True
        parts: list[asyncio.Task[Any]] = [asyncio.create_task(self._worker.run())]
        parts += [asyncio.create_task(self._connect(connection)) for connection in self.connections]
        parts.append(asyncio.create_task(self.readiness.wait_for("model server", self.model.server.describe)))
        tasks.extend(parts)
        await asyncio.gather(*parts)

    def _new_worker(self, key: bytes) -> Worker:
        limits = Limits()
        dialogue = Dialogue(
            self.model.server,
            self.model.profile,
            self.model.persona,
            SystemClock(),
            digest=lambda prompt: hmac.new(key, prompt.encode(), "sha256").hexdigest(),
        )
        answerer = Answerer(
            self.inbox,
            self.store,
            self.signals,
            {connection.platform.name: connection.platform for connection in self.connections},
            Acquaintance(self.people),
            dialogue,
            limits.lease,
        )
        name = f"{socket.gethostname()}:{os.getpid()}"
        return Worker(name, self.inbox, self.signals, answerer, limits)

    async def _connect(self, connection: Connection) -> None:
        await self.readiness.wait_for(connection.platform.name, connection.start)
        await connection.receive(self.intake)


@contextlib.asynccontextmanager
async def _cancelled_at_the_end() -> AsyncIterator[list[asyncio.Task[Any]]]:
    tasks: list[asyncio.Task[Any]] = []
    try:
        yield tasks
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
