from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING

import pytest
from aiohttp import web

from adapters.model_servers import events
from adapters.model_servers.wire import Refused, Wire
from conversation.errors import ModelServerUnreachable
from tests.support.model_servers import BOUND_SECONDS, saying, serving

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

_EVENT = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n8\r\ndata:1\n\n\r\n"
_END = b"0\r\n\r\n"


def wire(url: str) -> contextlib.aclosing[Wire]:
    return contextlib.aclosing(Wire(url, None, first_token_seconds=20, idle_seconds=20))


class Connections:
    """A server that streams one event to each request, then what ``tails`` says, in order.

    It does not answer the requests of the numbers in ``cut``, counted from 0: it hangs up.
    """

    def __init__(self, *tails: bytes, cut: tuple[int, ...] = ()) -> None:
        self.tails = list(tails)
        self.cut = cut
        self.used: list[int] = []
        """For each request the number of the connection that it came on."""
        self.closed: asyncio.Queue[int] = asyncio.Queue()
        self._opened = 0

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        number, self._opened = self._opened, self._opened + 1
        with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError):
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                await reader.readexactly(int(head.lower().partition(b"content-length:")[2].split()[0]))
                self.used.append(number)
                if len(self.used) - 1 in self.cut:
                    break
                writer.write(_EVENT + self.tails.pop(0))
        self.closed.put_nowait(number)
        writer.close()


@contextlib.asynccontextmanager
async def reached(connections: Connections) -> AsyncIterator[Wire]:
    """A wire to this server."""
    server = await asyncio.start_server(connections.serve, "127.0.0.1", 0)
    url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    async with asyncio.timeout(BOUND_SECONDS), server, wire(url) as client:
        yield client


async def answered(client: Wire, *, complete: bool = True) -> None:
    """Read one event, and close the stream."""
    stream = await client.stream("/", {})
    assert await stream.more() == [b"1"]
    stream.close(complete=complete)


async def test_after_a_complete_answer_its_connection_serves_the_next_one() -> None:
    connections = Connections(_END, _END, _END)
    async with reached(connections) as client:
        for _ in range(3):
            await answered(client)

    assert connections.used == [0, 0, 0]


async def test_an_answer_that_nobody_wants_any_more_is_hung_up_on() -> None:
    connections = Connections(b"", _END)
    async with reached(connections) as client:
        await answered(client, complete=False)
        assert await connections.closed.get() == 0
        await answered(client)

    assert connections.used == [0, 1]


async def test_a_stream_that_does_not_end_after_its_answer_is_hung_up_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(events, "_END_SECONDS", 0.01)
    connections = Connections(b"")
    async with reached(connections) as client:
        await answered(client)
        assert await connections.closed.get() == 0


async def test_a_request_on_a_kept_connection_that_the_server_closes_is_sent_again() -> None:
    connections = Connections(_END, _END, _END, cut=(2, 3))
    async with reached(connections) as client:
        await asyncio.gather(answered(client), answered(client))
        # Two connections are kept, and both are closed when they are used again.
        await answered(client)

    assert sorted(connections.used[:2]) == sorted(connections.used[2:4]) == [0, 1]
    assert connections.used[4:] == [2]


async def test_a_new_connection_that_is_cut_means_that_the_server_can_t_be_reached() -> None:
    connections = Connections(cut=(0,))
    async with reached(connections) as client:
        with pytest.raises(ModelServerUnreachable, match="ServerDisconnectedError"):
            await client.stream("/", {})

    assert connections.used == [0]


async def test_nobody_is_followed_elsewhere() -> None:
    async def elsewhere(_: web.Request) -> web.Response:
        return web.Response(status=307, headers={"Location": "http://127.0.0.1:9/"})

    async with serving(web.post("/", elsewhere)) as url, wire(url) as client:
        with pytest.raises(Refused) as refused:
            await client.stream("/", {})
    assert refused.value.reply.status == 307


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
