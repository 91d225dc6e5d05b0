"""A network that can lose everything without a word: connections stay open, and nothing comes through."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING
from urllib.parse import urlsplit, urlunsplit

if TYPE_CHECKING:
    from collections.abc import AsyncIterator


@dataclass(slots=True)
class Network:
    """Forwards to one port, unless it swallows. A connection that was there meanwhile is lost for ever."""

    port: int = 0
    swallowing: bool = False
    _lost: set[asyncio.StreamWriter] = field(default_factory=set)
    _open: set[asyncio.StreamWriter] = field(default_factory=set)

    def swallow(self) -> None:
        """Let nothing through any more."""
        self.swallowing = True
        self._lost |= self._open

    def recover(self) -> None:
        """Let new connections work."""
        self.swallowing = False

    def address(self, url: str) -> str:
        """The same address, through this network."""
        parts = urlsplit(url)
        return urlunsplit(parts._replace(netloc=f"127.0.0.1:{self.port}"))

    async def carry(self, target: int, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection to the target port."""
        there, back = await asyncio.open_connection("127.0.0.1", target)
        self._open |= {writer, back}
        if self.swallowing:
            self._lost |= {writer, back}
        try:
            await asyncio.gather(self._pump(reader, back), self._pump(there, writer))
        finally:
            for end in (writer, back):
                end.close()
                self._open.discard(end)

    async def _pump(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(ConnectionError):
            while data := await reader.read(65536):
                if writer not in self._lost:
                    writer.write(data)
                    await writer.drain()
            if writer not in self._lost:
                writer.close()


@asynccontextmanager
async def network_to(url: str) -> AsyncIterator[Network]:
    """A network in front of the server at this address."""
    network, target = Network(), urlsplit(url).port or 0
    under_way: set[asyncio.Task[None]] = set()

    async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        if task is not None:
            under_way.add(task)
        with suppress(ConnectionError, asyncio.CancelledError):
            await network.carry(target, reader, writer)

    server = await asyncio.start_server(connected, "127.0.0.1", 0)
    network.port = server.sockets[0].getsockname()[1]
    try:
        yield network
    finally:
        server.close()
        for task in under_way:
            task.cancel()
        await asyncio.gather(*under_way, return_exceptions=True)
