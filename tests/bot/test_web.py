"""The web server takes requests from anybody."""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING

import pytest
from starlette.responses import PlainTextResponse
from starlette.routing import Route

from bot.web import WebServer

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from starlette.requests import Request

BOUND_SECONDS = 20.0


async def _length(request: Request) -> PlainTextResponse:
    return PlainTextResponse(str(len(await request.body())))


@pytest.fixture
async def port() -> AsyncIterator[int]:
    server = WebServer([Route("/", _length, methods=["POST"])], "127.0.0.1", 0)
    serving = asyncio.create_task(server.run_until_told())
    yield int(server.address.rpartition(":")[2])
    server.should_exit = True
    await serving


@pytest.mark.parametrize("endless", [b"x", b"X-Header: ", b"X-Another: x\r\n"])
async def test_whoever_sends_a_head_without_end_is_hung_up_on(port: int, endless: bytes) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(b"POST /" if endless == b"x" else b"POST / HTTP/1.1\r\n")
    async with asyncio.timeout(BOUND_SECONDS):
        with contextlib.suppress(ConnectionError):
            while True:  # until nobody takes it any more
                writer.write(endless * (100_000 // len(endless)))
                await writer.drain()
        with contextlib.suppress(ConnectionError):
            await writer.wait_closed()
    assert reader.at_eof() or reader.exception() is not None


async def test_a_large_body_is_no_long_head(port: int) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    async with asyncio.timeout(BOUND_SECONDS):
        for _ in range(2):
            writer.write(b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 2000000\r\n\r\n" + b"x" * 2_000_000)
            assert (await reader.readuntil(b"2000000")).startswith(b"HTTP/1.1 200 ")
    writer.close()
