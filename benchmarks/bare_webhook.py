"""The least that can take a signed event: ``python -m benchmarks.bare_webhook FILE SECRET`` prints its port and serves.

A bare ASGI function under uvicorn with the service's own settings and loop: it reads the body, checks Slack's signature
and commits one row to SQLite. No parsing, no framework.
"""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import socket
import sys
from typing import TYPE_CHECKING, Any

import aiosqlite
import uvicorn
import uvloop

from benchmarks.inbox import PRAGMAS, TABLE

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

_NO_CONTENT: list[tuple[bytes, bytes]] = [(b"content-length", b"0")]


class Bare:
    """The ASGI application."""

    def __init__(self, connection: aiosqlite.Connection, secret: str) -> None:
        self._connection = connection
        self._secret = secret.encode()

    async def __call__(
        self,
        scope: dict[str, Any],
        receive: Callable[[], Awaitable[dict[str, Any]]],
        send: Callable[[dict[str, Any]], Awaitable[None]],
    ) -> None:
        """One request."""
        body, more = b"", True
        while more:
            message = await receive()
            body += message.get("body", b"")
            more = message.get("more_body", False)
        status = 401
        if self._is_signed(dict(scope["headers"]), body):
            await self._connection.execute("INSERT INTO bare (text) VALUES (?)", (body.decode(),))
            status = 200
        await send({"type": "http.response.start", "status": status, "headers": _NO_CONTENT})
        await send({"type": "http.response.body", "body": b""})

    def _is_signed(self, headers: dict[bytes, bytes], body: bytes) -> bool:
        base = b"v0:" + headers[b"x-slack-request-timestamp"] + b":" + body
        expected = "v0=" + hmac.new(self._secret, base, hashlib.sha256).hexdigest()
        return hmac.compare_digest(expected.encode(), headers[b"x-slack-signature"])


async def main(file: str, secret: str) -> None:
    """Serve until the process is ended."""
    async with aiosqlite.connect(file, isolation_level=None) as connection:
        for pragma in PRAGMAS:
            await connection.execute(f"PRAGMA {pragma}")
        await connection.execute(TABLE)
        listener = socket.create_server(("127.0.0.1", 0))
        config = uvicorn.Config(
            Bare(connection, secret), log_config=None, access_log=False, server_header=False, lifespan="off"
        )
        sys.stdout.write(f"{listener.getsockname()[1]}\n")
        sys.stdout.flush()
        await uvicorn.Server(config).serve(sockets=[listener])


if __name__ == "__main__":
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(main(*sys.argv[1:]))
