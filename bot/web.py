"""The web server: what platforms and people call, and what watches the service."""

from __future__ import annotations

import contextlib
import socket
from ipaddress import ip_address
from typing import TYPE_CHECKING

import uvicorn
from starlette.applications import Starlette
from starlette.responses import JSONResponse, PlainTextResponse
from starlette.routing import Route
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from conversation.errors import SettingWrong

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from starlette.requests import Request
    from starlette.responses import Response
    from starlette.routing import BaseRoute

    from bot.metrics import Metrics
    from bot.readiness import Readiness


# As h11, uvicorn's other parser, has it.
_LONGEST_HEAD = 64 * 1024


class BoundedHttp(HttpToolsProtocol):
    """httptools parses in a fraction of h11's time, but goes on collecting a head that does not end."""

    _collected = 0
    """Bytes since something of a request was handed on."""

    def data_received(self, data: bytes) -> None:
        """Bytes came."""
        if self._collected > _LONGEST_HEAD:
            self.send_400_response("The head of this request is too long.")
            return
        self._collected += len(data)
        super().data_received(data)

    def on_headers_complete(self) -> None:
        """The head of a request is whole."""
        self._collected = 0
        super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        """Some of a request's body."""
        self._collected = 0
        super().on_body(body)


class WebServer(uvicorn.Server):
    """uvicorn in our own loop. Signals are the service's business, and it knows its port before it starts."""

    def __init__(self, routes: Sequence[BaseRoute], host: str, port: int) -> None:
        self._socket = _bound(host, port)
        self.address = _address(self._socket)
        config = uvicorn.Config(
            Starlette(routes=list(routes)),
            log_config=None,
            access_log=False,
            server_header=False,
            timeout_graceful_shutdown=5,
            lifespan="off",
            http=BoundedHttp,
        )
        super().__init__(config)

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Leave the signals alone."""
        yield

    async def run_until_told(self) -> None:
        """Serve until ``should_exit`` is set."""
        await self.serve(sockets=[self._socket])


def health_routes(readiness: Readiness, metrics: Metrics) -> list[BaseRoute]:
    """``/healthz``: the process lives. ``/readyz``: it takes messages; else 503 and what it waits for.

    What is in trouble stands there too, with a 200: messages are taken all the same, and a load balancer that took the
    process away would make it worse. Why is told to this machine alone: a database's own words name its users and
    addresses. ``/metrics`` is for whoever asks directly, not for visitors who come through a proxy.
    """

    async def healthz(_: Request) -> Response:
        return PlainTextResponse("ok\n")

    async def readyz(request: Request) -> Response:
        waiting, troubles = dict(readiness.waiting_for), readiness.troubles
        if not _is_of_this_machine(request):
            waiting, troubles = dict.fromkeys(waiting, "not ready"), dict.fromkeys(troubles, "in trouble")
        says = {"ready": not waiting, "waiting_for": waiting, "troubles": troubles}
        return JSONResponse(says, 503 if waiting else 200)

    async def scraped(request: Request) -> Response:
        if _came_by_a_proxy(request):
            return PlainTextResponse("not through a proxy\n", 403)
        return PlainTextResponse(metrics.text(), media_type="text/plain; version=0.0.4")

    return [Route("/healthz", healthz), Route("/readyz", readyz), Route("/metrics", scraped)]


def _came_by_a_proxy(request: Request) -> bool:
    return any(name == "forwarded" or name.startswith("x-forwarded-") for name in request.headers)


def _is_of_this_machine(request: Request) -> bool:
    """Who comes by a proxy is not, whatever address it says: the server takes that for the caller's, as it stands."""
    if request.client is None or _came_by_a_proxy(request):
        return False
    with contextlib.suppress(ValueError):
        return ip_address(request.client.host).is_loopback
    return False


def _bound(host: str, port: int) -> socket.socket:
    """A listening socket. Raises ``SettingWrong`` where the address can't be had."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listening = socket.socket(family, socket.SOCK_STREAM)
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listening.bind((host, port))
    except OSError as trouble:
        listening.close()
        name = "PLAUSCH_HTTP_PORT" if trouble.errno in {13, 98, 48} else "PLAUSCH_HTTP_HOST"
        cure = "Another program listens there: choose another port." if name.endswith("PORT") else "Use 127.0.0.1."
        raise SettingWrong(name, f"{host}:{port} can't be used ({trouble.strerror}).", cure) from None
    return listening


def _address(listening: socket.socket) -> str:
    host, port = listening.getsockname()[:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"
