"""The HTTP way in for tests: a real web server, and requests with a valid signature."""

from __future__ import annotations

import asyncio
import contextlib
import io
import json
import socket
import time
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import aiohttp
import uvicorn
from starlette.applications import Starlette

from adapters.platforms.slack.people import Directory
from adapters.platforms.slack.receive import Receiver
from adapters.platforms.slack.routes import EventsRoute
from adapters.standins.slack.request_url import signature
from tests.support.slack import SECRET
from tests.support.slack_desk import US, Desk, Scene, scene

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

    from starlette.routing import Route

JSON_TYPE = "application/json"


class Server(uvicorn.Server):
    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


@asynccontextmanager
async def serving(*routes: Route) -> AsyncIterator[str]:
    """The address of a real web server with these routes."""
    listener = socket.create_server(("127.0.0.1", 0))
    server = Server(uvicorn.Config(Starlette(routes=list(routes)), log_config=None, lifespan="off"))
    task = asyncio.create_task(server.serve(sockets=[listener]))
    try:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}/slack/events"
    finally:
        server.should_exit = True
        await task
        listener.close()


@asynccontextmanager
async def receiving(desk: Desk, *, read_seconds: float = 3.0) -> AsyncIterator[str]:
    receiver = Receiver(desk, lambda: US, Directory())
    async with serving(EventsRoute(lambda: receiver, SECRET, read_seconds=read_seconds).route()) as url:
        yield url


@asynccontextmanager
async def over_http(desk: Desk, **settings: Any) -> AsyncIterator[Scene]:
    """The stand-in delivers to a real web server."""
    async with scene(**settings) as at, serving(*at.slack.routes(desk)) as url:
        at.standin.events_url = url
        yield at


async def send(
    url: str, body: bytes, media_type: str = JSON_TYPE, secret: str = SECRET, **headers: str
) -> tuple[int, str]:
    timestamp = str(int(time.time()))
    signed = {
        "Content-Type": media_type,
        "X-Slack-Request-Timestamp": timestamp,
        "X-Slack-Signature": signature(secret, timestamp, body),
    }
    async with (
        aiohttp.ClientSession() as session,
        session.post(url, data=io.BytesIO(body), headers=signed | headers) as response,
    ):
        return response.status, await response.text()


async def send_json(url: str, body: object) -> tuple[int, str]:
    return await send(url, json.dumps(body).encode())
