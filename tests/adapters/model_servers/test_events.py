from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING

import aiohttp
import pytest
from aiohttp import web

from adapters.model_servers.events import Events
from conversation.errors import ModelServerUnreachable, StreamBroken
from tests.support.model_servers import BOUND_SECONDS, serving

if TYPE_CHECKING:
    from collections.abc import AsyncIterator


@contextlib.asynccontextmanager
async def reading(*chunks: bytes) -> AsyncIterator[tuple[Events, asyncio.Queue[bytes | None]]]:
    """Events of a stream whose chunks go out when they are put into the queue; None ends it."""
    queue: asyncio.Queue[bytes | None] = asyncio.Queue()
    for chunk in chunks:
        queue.put_nowait(chunk)

    async def stream(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        while (chunk := await queue.get()) is not None:
            await response.write(chunk)
        return response

    async with (
        asyncio.timeout(BOUND_SECONDS),
        serving(web.get("/", stream)) as url,
        aiohttp.ClientSession() as http,
    ):
        events = Events(await http.get(url), 60, 60)
        yield events, queue
        events.close()


async def test_an_event_in_two_chunks_is_one_event() -> None:
    async with reading(b": hello\n\ndata: {", b'"a": "\xc3') as (events, queue):
        more = asyncio.create_task(events.more())
        queue.put_nowait(b'\xa4"}\n\n')

        assert await more == [b' {"a": "\xc3\xa4"}']


async def test_several_events_in_one_chunk_come_together() -> None:
    async with reading(b"id: 1\ndata:1\n\ndata:2\n\nda") as (events, queue):
        assert await events.more() == [b"1", b"2"]
        queue.put_nowait(b"ta:3\n\n")
        assert await events.more() == [b"3"]
        queue.put_nowait(None)
        with pytest.raises(StreamBroken, match="ended"):
            await events.more()


async def test_a_stream_that_ends_without_an_event_was_never_reached() -> None:
    async with reading(b":\n\n") as (events, queue):
        queue.put_nowait(None)
        with pytest.raises(ModelServerUnreachable, match="before its first token"):
            await events.more()


async def test_an_endless_line_is_not_kept() -> None:
    async with reading(*[b"x" * 100_000] * 12) as (events, _):
        with pytest.raises(StreamBroken, match="endless"):
            await events.more()


async def test_time_in_which_nobody_asks_for_more_is_no_silence_of_the_server() -> None:
    async with reading(b"data:1\n\n") as (events, queue):
        await events.more()
        events._idle = events._patience = -1.0
        events._look()

        queue.put_nowait(b"data:2\n\n")
        events._patience = 60.0
        assert await events.more() == [b"2"]
