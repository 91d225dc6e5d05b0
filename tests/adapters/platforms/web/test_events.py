from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING, Any

import httpx

from adapters.platforms.web.events import EventStream
from conversation.messages import ConversationKey
from conversation.turns import Frame
from tests.support.web_chat import Tail, WebChat, served

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from starlette.types import Message as AsgiMessage

KEY = ConversationKey("web", "web", "", "s")
ID = "00000000-0000-4000-8000-000000000001"


async def events(response: httpx.Response) -> AsyncIterator[tuple[str, Any]]:
    name = "message"
    async for line in response.aiter_lines():
        match line.partition(": "):
            case ("event", _, value):
                name = value
            case ("data", _, value):
                yield name, json.loads(value)
                name = "message"


async def test_a_page_that_listens_reads_each_frame_as_it_is_shown(chat: WebChat) -> None:
    async with served(chat), httpx.AsyncClient(base_url=chat.address) as client:
        await client.get("/")
        async with client.stream("GET", "/api/v1/events") as response:
            assert response.headers["content-type"].startswith("text/event-stream")
            assert response.headers["cache-control"] == "no-store"
            stream = events(response)
            assert await anext(stream) == ("ready", {})
            await client.post("/api/v1/messages", json={"id": ID, "text": "Hallo"})
            turn = await chat.asked()
            await chat.write(turn, "Zeile\n🙂")
            await chat.finish(turn, "Zeile\n🙂\r\nEnde")
            frame = {"turn": "turn-0", "number": 1, "offset": 0, "text": "", "last": False, "kind": ""}
            assert await anext(stream) == ("message", frame)
            assert await anext(stream) == ("message", frame | {"number": 2, "text": "Zeile\n🙂"})
            ending = {"number": 3, "text": "Zeile\n🙂\r\nEnde", "last": True, "kind": "answer"}
            assert await anext(stream) == ("message", frame | ending)


async def test_a_page_that_comes_back_first_gets_the_answer_so_far(chat: WebChat) -> None:
    async with served(chat), httpx.AsyncClient(base_url=chat.address) as client:
        await client.get("/")
        await client.post("/api/v1/messages", json={"id": ID, "text": "Hallo"})
        await chat.write(await chat.asked(), "Guten", "Guten Tag")
        async with client.stream("GET", "/api/v1/events") as response:
            stream = events(response)
            await anext(stream)
            _, frame = await anext(stream)
    assert (frame["number"], frame["offset"], frame["text"]) == (3, 0, "Guten Tag")


class Wire:
    """The server's side of one request, in the test's hands."""

    def __init__(self) -> None:
        self.sent: asyncio.Queue[AsgiMessage] = asyncio.Queue()
        self.incoming: asyncio.Queue[AsgiMessage] = asyncio.Queue()

    async def body(self) -> bytes:
        while True:
            message = await asyncio.wait_for(self.sent.get(), 5)
            if message["type"] == "http.response.body":
                return bytes(message["body"])

    def run(self, stream: EventStream) -> asyncio.Task[None]:
        return asyncio.create_task(stream({"type": "http"}, self.incoming.get, self.sent.put))


async def test_a_quiet_stream_says_that_it_is_alive_and_loses_no_frame_over_it() -> None:
    wire, tail = Wire(), Tail()
    running = wire.run(EventStream(tail, KEY, asyncio.Event(), heartbeat_seconds=0.01))
    assert b"event: ready" in await wire.body()
    for _ in range(3):
        assert (await wire.body()).startswith(b": alive\n")
    await tail.show(KEY, Frame("t", 1, 0, "Hallo"))
    while b"Hallo" not in await wire.body():
        pass
    wire.incoming.put_nowait({"type": "http.disconnect"})
    await asyncio.wait_for(running, 5)


async def test_a_stream_ends_with_its_browser_and_gives_the_watch_back() -> None:
    wire, tail = Wire(), Tail()
    running = wire.run(EventStream(tail, KEY, asyncio.Event()))
    await wire.body()
    assert len(tail.watchers) == 1
    wire.incoming.put_nowait({"type": "http.request", "body": b"", "more_body": False})
    wire.incoming.put_nowait({"type": "http.disconnect"})
    await asyncio.wait_for(running, 5)
    assert tail.watchers == {}


async def test_a_stream_ends_when_the_service_does() -> None:
    wire, tail, closing = Wire(), Tail(), asyncio.Event()
    running = wire.run(EventStream(tail, KEY, closing))
    await wire.body()
    closing.set()
    await asyncio.wait_for(running, 5)
    assert tail.watchers == {}
    assert await wire.body() == b""


async def test_a_cancelled_stream_leaves_no_watch_behind() -> None:
    wire, tail = Wire(), Tail()
    running = wire.run(EventStream(tail, KEY, asyncio.Event()))
    await wire.body()
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    assert tail.watchers == {}


async def test_close_ends_the_streams_so_that_a_server_can_drain(chat: WebChat) -> None:
    async with served(chat), httpx.AsyncClient(base_url=chat.address) as client:
        await client.get("/")
        async with client.stream("GET", "/api/v1/events") as response:
            stream = events(response)
            await anext(stream)
            chat.web.close()
            assert [event async for event in stream] == []
        assert (await client.get("/api/v1/events")).status_code == 503
