"""A door that delivers everything again and again: five copies of each event, late, to replicas at random."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Self

import aiohttp
from aiohttp import web

if TYPE_CHECKING:
    import random
    from collections.abc import Mapping, Sequence

    from tests.support.fault_proxy import Address

COPIES = 5
_UNAVAILABLE = 503
_GOOD = 200
_HOP_BY_HOP = frozenset({"host", "content-length", "connection", "transfer-encoding"})


class Storm:
    """Answers with the first replica that took the event; the other copies come before or after that."""

    def __init__(self, replicas: Sequence[Address], chance: random.Random, spread_seconds: float) -> None:
        """``replicas`` is looked at anew for each copy; a copy is late by up to ``spread_seconds``."""
        self._replicas = replicas
        self._chance = chance
        self._spread = spread_seconds
        self._late: set[asyncio.Task[int]] = set()
        self.url = ""
        self.copies = 0
        """How many were handed over so far."""

    async def __aenter__(self) -> Self:
        self._http = aiohttp.ClientSession(trust_env=False)
        app = web.Application()
        app.router.add_post("/{path:.*}", self._take)
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", 0).start()
        self.url = f"http://127.0.0.1:{self._runner.addresses[0][1]}"
        return self

    async def __aexit__(self, *_: object) -> None:
        await asyncio.gather(*self._late, return_exceptions=True)
        await self._runner.cleanup()
        await self._http.close()

    async def over(self) -> None:
        """Wait until every copy was handed over."""
        while self._late:
            await asyncio.gather(*self._late, return_exceptions=True)

    async def _take(self, request: web.Request) -> web.Response:
        body = await request.read()
        headers = {name: value for name, value in request.headers.items() if name.lower() not in _HOP_BY_HOP}
        copies = [asyncio.create_task(self._hand_over(request.path, headers, body)) for _ in range(COPIES)]
        self._late.update(copies)
        for copy in copies:
            copy.add_done_callback(self._late.discard)
        for first in asyncio.as_completed(copies):
            if await first == _GOOD:
                return web.Response()
        return web.Response(status=_UNAVAILABLE)

    async def _hand_over(self, path: str, headers: Mapping[str, str], body: bytes) -> int:
        await asyncio.sleep(self._chance.uniform(0, self._spread))
        if not self._replicas:
            return _UNAVAILABLE
        replica = self._chance.choice(self._replicas)
        if not isinstance(replica, tuple):
            raise TypeError("a web server's address is host and port")
        host, port = replica
        self.copies += 1
        try:
            async with self._http.post(f"http://{host}:{port}{path}", data=body, headers=headers) as answer:
                return answer.status
        except (aiohttp.ClientError, OSError):
            return _UNAVAILABLE
