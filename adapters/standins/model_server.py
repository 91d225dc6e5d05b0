"""The ground that stand-ins for model servers stand on: lifetime, faults, pace, and who hung up."""

from __future__ import annotations

import asyncio
import contextlib
import json
from abc import ABC, abstractmethod
from collections import deque
from typing import TYPE_CHECKING, Any, Self

from aiohttp import web

from adapters.standins.script import Fault, FaultKind, Generation, Outcome, Pace

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterable
    from types import TracebackType

    from adapters.standins.script import Reply

# TGI's router takes no larger bodies unless it is told so (--payload-limit).
_LARGEST_BODY = 2_000_000
_SHUTDOWN_SECONDS = 0.05


def compact(value: object) -> str:
    """JSON as the servers write it: no spaces, letters as they are."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


class StandInModelServer(ABC):
    """A local model server, open while its context is: ``async with StandInTGI() as server: server.url``.

    ``requests`` are the parsed bodies of all generation requests, ``generations`` the answers that were begun,
    ``arrivals`` the same as a queue to wait on. ``faults`` are used up one a request, in order (None: this one goes
    well). While ``loading`` is set everything is refused with status 503.
    """

    def __init__(self, reply: Reply, key: str | None, host: str, port: int, max_concurrent_requests: int) -> None:
        self.reply = reply
        self.key = key
        self.loading = False
        self.pace = Pace()
        self.keepalive_seconds = 15.0
        self.faults: deque[Fault | None] = deque()
        self.requests: list[dict[str, Any]] = []
        self.generations: list[Generation] = []
        self.arrivals: asyncio.Queue[Generation] = asyncio.Queue()
        self.max_concurrent_requests = max_concurrent_requests
        self.active = 0
        self.url = ""
        self._address = (host, port)
        self._runner: web.AppRunner | None = None

    @property
    def cancelled(self) -> int:
        """How many answers ended because the client hung up."""
        return sum(generation.outcome is Outcome.CANCELLED for generation in self.generations)

    async def __aenter__(self) -> Self:
        app = web.Application(middlewares=[self._gate], client_max_size=_LARGEST_BODY)
        app.add_routes(self.routes())
        # handler_cancellation: a client that hangs up ends the work at once, not at the next write.
        self._runner = web.AppRunner(
            app, access_log=None, handler_cancellation=True, shutdown_timeout=_SHUTDOWN_SECONDS
        )
        await self._runner.setup()
        await web.TCPSite(self._runner, *self._address).start()
        host, port = self._runner.addresses[0][:2]
        self.url = f"http://{host}:{port}"
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._runner:
            await self._runner.cleanup()

    @abstractmethod
    def routes(self) -> list[web.RouteDef]:
        """The server's routes."""

    @abstractmethod
    def open_to_all(self, path: str) -> bool:
        """Whether a path needs no key."""

    @abstractmethod
    def refusal(self, status: int) -> web.Response:
        """The body that this kind of server sends with an HTTP status."""

    @web.middleware
    async def _gate(self, request: web.Request, handler: Any) -> web.StreamResponse:
        if self.loading:
            return self.refusal(503)
        if not self._may(request):
            return self.refusal(401)
        response: web.StreamResponse = await handler(request)
        return response

    def _may(self, request: web.Request) -> bool:
        return (
            not self.key
            or self.open_to_all(request.path)
            or request.headers.get("Authorization") == f"Bearer {self.key}"
        )

    @contextlib.asynccontextmanager
    async def generation(self, prompt: str, body: dict[str, Any]) -> AsyncIterator[Generation]:
        """Keep the books on one answer."""
        generation = Generation(prompt, body)
        self.generations.append(generation)
        self.arrivals.put_nowait(generation)
        self.active += 1
        try:
            yield generation
            if generation.outcome is Outcome.WRITING:
                generation.outcome = Outcome.DONE
        except (asyncio.CancelledError, ConnectionResetError):
            generation.outcome = Outcome.CANCELLED
            raise
        finally:
            self.active -= 1
            generation.ended.set()

    def next_fault(self) -> Fault | None:
        """What goes wrong with the request at hand."""
        return self.faults.popleft() if self.faults else None

    async def play(
        self,
        request: web.Request,
        generation: Generation,
        frames: Iterable[str],
        failure: str,
        fault: Fault | None,
    ) -> web.StreamResponse:
        """Send one event a token; ``failure`` is the event by which this kind of server reports an error."""
        if fault and fault.kind is FaultKind.DROP:
            return _cut(request, generation, web.Response())
        response = web.StreamResponse(headers={"Content-Type": "text/event-stream", "Cache-Control": "no-cache"})
        await response.prepare(request)
        for frame in frames:
            if fault and generation.tokens == fault.after:
                return await self._fail(request, response, generation, failure, fault)
            await self.pace.token()
            await response.write(frame.encode())
            generation.tokens += 1
        await response.write_eof()
        return response

    async def _fail(
        self,
        request: web.Request,
        response: web.StreamResponse,
        generation: Generation,
        failure: str,
        fault: Fault,
    ) -> web.StreamResponse:
        match fault.kind:
            case FaultKind.HANG:
                while True:
                    await asyncio.sleep(self.keepalive_seconds)
                    await response.write(b":\n\n")
            case FaultKind.RESET:
                return _cut(request, generation, response)
            case FaultKind.ERROR_EVENT:
                await response.write(failure.encode())
            case FaultKind.BROKEN_EVENT:
                await response.write(b'data:{"index":1,"tok\n\n')
        await response.write_eof()
        generation.outcome = Outcome.FAILED
        return response


def _cut(request: web.Request, generation: Generation, response: web.StreamResponse) -> web.StreamResponse:
    generation.outcome = Outcome.FAILED
    if request.transport:
        request.transport.abort()
    return response
