"""The whole service in the test's own loop, on real databases, in front of stand-ins."""

from __future__ import annotations

import asyncio
import contextlib
import json
import random
import socket
import uuid
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import aiohttp

from bot.role import Role
from bot.service import Service
from bot.settings import Settings
from tests.support.databases import Rows

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from adapters.stores.sql.database import Database

BOUND_SECONDS = 20.0


@contextlib.asynccontextmanager
async def running(role: Role = Role.ALL, /, **settings: Any) -> AsyncIterator[Service]:
    """A service that is ready. Settings by their names; no file is read."""
    service = Service(Settings.model_validate({"http_port": 0} | settings), role=role)
    task = asyncio.create_task(service.run())
    try:
        await until_ready(service, task)
        yield service
    finally:
        service.end()
        await asyncio.wait_for(task, BOUND_SECONDS)


async def until_ready(service: Service, task: asyncio.Task[None]) -> None:
    """Wait for ``/readyz``, or for the service's own error."""
    async with asyncio.timeout(BOUND_SECONDS), aiohttp.ClientSession() as http:
        while not task.done():
            with contextlib.suppress(aiohttp.ClientError):
                async with http.get(f"{service.web.address}/readyz") as response:
                    if response.status == 200 and service.started:
                        return
            await asyncio.sleep(0.01)
    task.result()


async def until_over(service: Service, turns: int = 1) -> None:
    """Wait until so many turns are over."""
    await until_stored(service.database, turns)


async def until_stored(database: Database, turns: int) -> None:
    """Wait until the database says that so many turns are over."""
    shown = "SELECT count(*) FROM turns WHERE state = 'shown'"
    async with asyncio.timeout(BOUND_SECONDS):
        while (await Rows(database).select(shown))[0][0] < turns:  # noqa: ASYNC110 - a database has no events for us
            await asyncio.sleep(0.01)


def free_port() -> int:
    """A port that nobody listens on, and that no connection gets meanwhile: systems give those away from 32768 on."""
    while True:
        with socket.socket() as probe, contextlib.suppress(OSError):
            port = random.randrange(10_240, 32_000)  # noqa: S311 - spreads test processes, guards nothing
            probe.bind(("127.0.0.1", port))
            return port


@dataclass(frozen=True, slots=True)
class Browser:
    """A person at the web chat, by HTTP."""

    http: aiohttp.ClientSession
    address: str

    async def send(self, text: str, number: int = 1) -> dict[str, Any]:
        """Post a message; the same number is the same message."""
        body = {"id": str(uuid.UUID(int=number)), "text": text}
        async with self.http.post(f"{self.address}/api/v1/messages", json=body) as response:
            return dict(await response.json()) | {"status": response.status}

    async def turns(self) -> list[dict[str, Any]]:
        """The conversation as the page would load it."""
        async with self.http.get(f"{self.address}/api/v1/conversation") as response:
            return list((await response.json())["turns"])

    async def settled(self) -> list[dict[str, Any]]:
        """The conversation once every turn of it is over."""
        async with asyncio.timeout(BOUND_SECONDS):
            turns = await self.turns()
            while any(turn["state"] in {"open", "decided"} for turn in turns):
                await asyncio.sleep(0.01)
                turns = await self.turns()
        return turns

    @contextlib.asynccontextmanager
    async def frames(self) -> AsyncIterator[AsyncIterator[dict[str, Any]]]:
        """Frames as they stream."""
        async with self.http.get(f"{self.address}/api/v1/events") as response:
            await response.content.readuntil(b"event: ready")
            yield _frames(response)

    async def answer(self, text: str, number: int) -> str:
        """Send, and wait for the last frame's text."""
        async with self.frames() as frames:
            await self.send(text, number)
            async with asyncio.timeout(BOUND_SECONDS):
                async for frame in frames:
                    if frame["last"]:
                        return str(frame["text"])
        raise AssertionError("the stream ended")


async def _frames(response: aiohttp.ClientResponse) -> AsyncIterator[dict[str, Any]]:
    async for line in response.content:
        if line.startswith(b"data:") and "turn" in (frame := json.loads(line[5:])):
            yield frame


@contextlib.asynccontextmanager
async def browser(service: Service) -> AsyncIterator[Browser]:
    """A browser that has opened the page."""
    jar = aiohttp.CookieJar(unsafe=True)  # cookies of an address that is a number
    async with aiohttp.ClientSession(cookie_jar=jar) as http:
        async with http.get(f"{service.web.address}/") as response:
            assert response.status == 200
        yield Browser(http, service.web.address)
