from __future__ import annotations

import asyncio
import contextlib

import pytest
from aiohttp import web

from adapters.model_servers.wire import Wire
from conversation.errors import ModelServerUnreachable
from tests.support.model_servers import saying, serving


def wire(url: str) -> contextlib.aclosing[Wire]:
    return contextlib.aclosing(Wire(url, None, first_token_seconds=20, idle_seconds=20))


async def test_no_call_depends_on_a_connection_that_the_server_may_be_closing() -> None:
    used: list[object] = []

    async def once(request: web.Request) -> web.Response:
        if request.transport in used:
            raise AssertionError("a connection was used again")
        used.append(request.transport)
        return web.Response()

    async with serving(web.post("/", once)) as url, wire(url) as client:
        for _ in range(3):
            assert (await client.ask("POST", "/")).status == 200
            (await client.stream("/", {})).close()
    assert len(used) == 6


async def test_a_reply_that_no_model_server_has_reason_for_is_not_read_to_its_end() -> None:
    async with serving(saying("/info", "x" * 9_000_000)) as url, wire(url) as client:
        with pytest.raises(ModelServerUnreachable):
            await client.ask("GET", "/info")


async def test_a_call_that_takes_too_long_is_given_up() -> None:
    async def hang(_: web.Request) -> web.Response:
        await asyncio.Event().wait()
        return web.Response()

    async with serving(web.get("/slow", hang)) as url, wire(url) as client:
        with pytest.raises(ModelServerUnreachable, match="too long"):
            await client.ask("GET", "/slow", seconds=0.1)
