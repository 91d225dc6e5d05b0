"""A proxy between two parts, on TCP or unix sockets, that plays the network's faults when it is told to."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import struct
from pathlib import Path
from typing import TYPE_CHECKING, Self, TypeAlias

if TYPE_CHECKING:
    from types import TracebackType

Address: TypeAlias = "tuple[str, int] | Path"
"""Host and port, or a unix socket's path."""

HOST = "127.0.0.1"
_CHUNK = 65536
_NO_LINGER = struct.pack("ii", 1, 0)


class FaultProxy:
    """Hands connections on to its upstreams in turn, past those that refuse. ``async with`` opens and closes it.

    Faults hold from the call until ``heal``, for connections that stand already too; ``cut`` is one moment.
    """

    def __init__(self, *upstreams: Address, listen: Path | None = None) -> None:
        """``listen``: the unix socket to listen on; else a port of loopback's that the system picks."""
        self.upstreams: list[Address] = list(upstreams)
        self.connections = 0
        """How many were accepted so far."""
        self._listen = listen
        self._port = 0
        self._server: asyncio.Server | None = None
        self._links: set[_Link] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self._flowing = asyncio.Event()
        self._flowing.set()
        self._delay = 0.0
        self._answers_to_lose = 0
        self._allowance: int | None = None

    async def __aenter__(self) -> Self:
        await self._open()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    @property
    def address(self) -> tuple[str, int]:
        """Where it listens, on TCP."""
        return HOST, self._port

    @property
    def url(self) -> str:
        """The same for HTTP, without a slash at its end."""
        return f"http://{HOST}:{self._port}"

    # ── faults ───────────────────────────────────────────────────────────────────────────────────────────────────────

    def delay(self, seconds: float) -> None:
        """Each piece of data waits so long, either way."""
        self._delay = seconds

    def cut(self) -> None:
        """Reset every connection now; new ones work."""
        for link in self._links:
            link.reset()

    def reset_after(self, answered: int) -> None:
        """Reset each connection once so many bytes of answers have passed from now on."""
        self._allowance = answered
        for link in self._links:
            link.answered = 0

    def reset_after_send(self, times: int = 1) -> None:
        """The next requests reach their upstream and are carried out; instead of the answer comes a reset."""
        self._answers_to_lose += times

    def black_hole(self) -> None:
        """Accept connections and keep them, hand nothing on. What waits goes on its way at ``heal``."""
        self._flowing.clear()

    async def refuse(self) -> None:
        """Nobody listens here any more; what stands is cut."""
        await self._close()
        self.cut()

    async def heal(self) -> None:
        """End every fault; it listens where it did before."""
        self._delay, self._answers_to_lose, self._allowance = 0.0, 0, None
        self._flowing.set()
        if self._server is None:
            await self._open()

    # ── connections ──────────────────────────────────────────────────────────────────────────────────────────────────

    async def _open(self) -> None:
        if self._listen is not None:
            self._listen.unlink(missing_ok=True)
            self._server = await asyncio.start_unix_server(self._accept, self._listen)
            return
        self._server = await asyncio.start_server(self._accept, HOST, self._port)
        self._port = self._server.sockets[0].getsockname()[1]

    async def _close(self) -> None:
        if self._server is not None:
            self._server.close()
            self._server = None

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        link = _Link(writer)
        self._links.add(link)
        try:
            with contextlib.suppress(OSError, asyncio.CancelledError):
                await self._connect(link, reader)
        finally:
            link.close()
            self._links.discard(link)
            self._tasks.discard(task)

    async def _connect(self, link: _Link, reader: asyncio.StreamReader) -> None:
        await self._flowing.wait()
        try:
            answers, upstream = await self._dial()
        except OSError:
            return link.reset()
        link.writers.append(upstream)
        try:
            async with asyncio.TaskGroup() as pumps:
                pumps.create_task(self._pump(reader, upstream, None))
                pumps.create_task(self._pump(answers, link.writers[0], link))
        except* OSError:
            link.reset()

    async def _dial(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        """Connect to the next upstream that takes connections. Raises ``OSError`` where none does."""
        for _ in range(len(self.upstreams)):
            upstream = self.upstreams.pop(0)
            self.upstreams.append(upstream)
            with contextlib.suppress(OSError):
                if isinstance(upstream, Path):
                    return await asyncio.open_unix_connection(upstream)
                return await asyncio.open_connection(*upstream)
        raise ConnectionRefusedError("no upstream takes connections")

    async def _pump(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, answered: _Link | None) -> None:
        """Hand on what comes until it ends; ``answered`` is the link on the way back."""
        while chunk := await reader.read(_CHUNK):
            if self._delay:
                await asyncio.sleep(self._delay)
            await self._flowing.wait()
            passed = chunk if answered is None else self._may_pass(answered, chunk)
            writer.write(passed)
            await writer.drain()
            if len(passed) < len(chunk):
                raise ConnectionResetError
        if writer.can_write_eof():
            writer.write_eof()

    def _may_pass(self, link: _Link, answer: bytes) -> bytes:
        if self._answers_to_lose:
            self._answers_to_lose -= 1
            return b""
        link.answered += len(answer)
        too_many = 0 if self._allowance is None else max(0, link.answered - self._allowance)
        return answer[: max(0, len(answer) - too_many)]


class _Link:
    """A connection of a client's, and the one that was made for it. ``answered``: bytes that came back."""

    def __init__(self, client: asyncio.StreamWriter) -> None:
        self.writers = [client]
        self.answered = 0

    def reset(self) -> None:
        """Cut both hard: either side reads "connection reset"."""
        for writer in self.writers:
            peer = writer.get_extra_info("socket")
            if peer is not None and peer.family != socket.AF_UNIX and peer.fileno() >= 0:
                peer.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _NO_LINGER)
            writer.transport.abort()

    def close(self) -> None:
        """Close both in good order."""
        for writer in self.writers:
            writer.close()
