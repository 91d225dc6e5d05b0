"""The fault proxy itself: what passes, and what does not."""

from __future__ import annotations

import asyncio
import contextlib
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.support.fault_proxy import FaultProxy

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from tests.support.fault_proxy import Address

WITHIN = 5.0
Streams = tuple[asyncio.StreamReader, asyncio.StreamWriter]


class Echo:
    """Answers each line with its name and the line, and remembers what came."""

    def __init__(self, name: str = "echo") -> None:
        self.name = name
        self.lines: list[bytes] = []
        self.address: Address = ("", 0)

    async def take(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(ConnectionError):
            while line := await reader.readline():
                self.lines.append(line)
                writer.write(f"{self.name}:".encode() + line)
                await writer.drain()
        writer.close()


@contextlib.asynccontextmanager
async def echoing(name: str = "echo", path: Path | None = None) -> AsyncIterator[Echo]:
    echo = Echo(name)
    if path is None:
        server = await asyncio.start_server(echo.take, "127.0.0.1", 0)
        echo.address = ("127.0.0.1", int(server.sockets[0].getsockname()[1]))
    else:
        server = await asyncio.start_unix_server(echo.take, path)
        echo.address = path
    try:
        yield echo
    finally:
        server.close()


@contextlib.asynccontextmanager
async def connected(proxy: FaultProxy) -> AsyncIterator[Streams]:
    reader, writer = await asyncio.open_connection(*proxy.address)
    try:
        yield reader, writer
    finally:
        writer.close()


async def said(streams: Streams, line: bytes = b"hallo\n") -> bytes:
    reader, writer = streams
    writer.write(line)
    async with asyncio.timeout(WITHIN):
        return await reader.readline()


async def test_what_is_said_is_answered() -> None:
    async with echoing() as echo, FaultProxy(echo.address) as proxy, connected(proxy) as streams:
        assert await said(streams) == b"echo:hallo\n"
        assert await said(streams, b"noch einmal\n") == b"echo:noch einmal\n"


async def test_a_cut_resets_what_stands_and_lets_new_connections_in() -> None:
    async with echoing() as echo, FaultProxy(echo.address) as proxy:
        async with connected(proxy) as streams:
            await said(streams)
            proxy.cut()
            with pytest.raises(ConnectionResetError):
                await said(streams)
        async with connected(proxy) as streams:
            assert await said(streams) == b"echo:hallo\n"


async def test_a_reset_after_send_carries_the_request_out_and_loses_the_answer() -> None:
    async with echoing() as echo, FaultProxy(echo.address) as proxy:
        proxy.reset_after_send()
        async with connected(proxy) as streams:
            with pytest.raises(ConnectionResetError):
                await said(streams)
        assert echo.lines == [b"hallo\n"]
        async with connected(proxy) as streams:
            assert await said(streams) == b"echo:hallo\n"


async def test_a_reset_after_some_bytes_lets_just_these_pass() -> None:
    async with echoing() as echo, FaultProxy(echo.address) as proxy, connected(proxy) as (reader, writer):
        await said((reader, writer))
        proxy.reset_after(4)
        writer.write(b"hallo\n")
        async with asyncio.timeout(WITHIN):
            assert await reader.readexactly(4) == b"echo"
            with pytest.raises(ConnectionResetError):
                await reader.read(1)


async def test_a_black_hole_keeps_connections_and_passes_nothing_until_it_heals() -> None:
    async with echoing() as echo, FaultProxy(echo.address) as proxy, connected(proxy) as old:
        await said(old)
        proxy.black_hole()
        async with connected(proxy) as new:
            answers = [asyncio.create_task(said(streams)) for streams in (old, new)]
            _, waiting = await asyncio.wait(answers, timeout=0.05)
            assert waiting == set(answers)
            assert echo.lines == [b"hallo\n"]
            await proxy.heal()
            assert await asyncio.gather(*answers) == [b"echo:hallo\n"] * 2


async def test_where_it_refuses_nobody_gets_in_until_it_heals_on_the_same_port() -> None:
    async with echoing() as echo, FaultProxy(echo.address) as proxy, connected(proxy) as streams:
        await said(streams)
        address = proxy.address
        await proxy.refuse()
        with pytest.raises(ConnectionRefusedError):
            await asyncio.open_connection(*address)
        with pytest.raises(ConnectionResetError):
            await said(streams)
        await proxy.heal()
        assert proxy.address == address
        async with connected(proxy) as again:
            assert await said(again) == b"echo:hallo\n"


async def test_a_delay_holds_each_piece_up_either_way() -> None:
    async with echoing() as echo, FaultProxy(echo.address) as proxy, connected(proxy) as streams:
        proxy.delay(0.03)
        began = asyncio.get_running_loop().time()
        assert await said(streams) == b"echo:hallo\n"
        assert asyncio.get_running_loop().time() - began >= 0.06


async def test_connections_go_round_and_past_an_upstream_that_refuses() -> None:
    async with echoing("one") as one, echoing("two") as two, FaultProxy(one.address, two.address) as proxy:
        proxy.upstreams.insert(1, ("127.0.0.1", 1))  # nobody listens there
        names = []
        for _ in range(4):
            async with connected(proxy) as streams:
                names.append((await said(streams))[:3])
        assert names == [b"one", b"two"] * 2


async def test_without_an_upstream_connections_are_reset() -> None:
    async with FaultProxy() as proxy, connected(proxy) as streams:
        with pytest.raises(ConnectionResetError):
            await said(streams)


async def test_unix_sockets_work_on_both_sides() -> None:
    with tempfile.TemporaryDirectory(prefix="plausch-") as folder:
        here, there = Path(folder) / "here.sock", Path(folder) / "there.sock"
        async with echoing(path=there) as echo, FaultProxy(echo.address, listen=here) as proxy:
            reader, writer = await asyncio.open_unix_connection(here)
            assert await said((reader, writer)) == b"echo:hallo\n"
            proxy.cut()
            assert await reader.read() == b""
            writer.close()
