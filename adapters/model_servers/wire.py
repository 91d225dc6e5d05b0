"""HTTP to a model server: one session, no limit of connections, the key, and trouble in the port's words."""

from __future__ import annotations

import asyncio
import json
from dataclasses import dataclass
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

import aiohttp
from yarl import URL

from adapters.model_servers.events import Events
from conversation.errors import (
    ModelServerError,
    ModelServerOverloaded,
    ModelServerRefused,
    ModelServerUnreachable,
    PromptTooLong,
    StreamBroken,
)

if TYPE_CHECKING:
    from collections.abc import Mapping
    from types import SimpleNamespace

_CONNECT_SECONDS = 10.0
_ASK_SECONDS = 10.0
_LARGEST_REPLY = 8 << 20
_QUOTED = 300
# How long a connection is kept: less than uvicorn's 5 s, which is the shortest that a server keeps one.
_KEPT_SECONDS = 4.0
_AGAIN = 2
_NOT_YET = {
    HTTPStatus.REQUEST_TIMEOUT,
    HTTPStatus.BAD_GATEWAY,
    HTTPStatus.SERVICE_UNAVAILABLE,
    HTTPStatus.GATEWAY_TIMEOUT,
}


@dataclass(frozen=True, slots=True)
class Reply:
    """A response that is no stream."""

    status: int
    body: bytes

    @property
    def json(self) -> Any:
        """The body's JSON, None where it is none."""
        try:
            return json.loads(self.body)
        except (ValueError, RecursionError):
            return None

    @property
    def text(self) -> str:
        """The beginning of the body, for an error's text."""
        return self.body[:_QUOTED].decode(errors="replace")


class Refused(Exception):
    """A stream was answered with another status than 200."""

    def __init__(self, reply: Reply) -> None:
        super().__init__(f"HTTP status {reply.status}")
        self.reply = reply


class Wire:
    """Connections to one model server. ``shown`` is its address as it may stand in a log."""

    def __init__(self, url: str, key: str | None, *, first_token_seconds: float, idle_seconds: float) -> None:
        self._url = url.rstrip("/")
        self._headers = {"Authorization": f"Bearer {key}"} if key else {}
        self._first_token_seconds = first_token_seconds
        self._idle_seconds = idle_seconds
        self._session: aiohttp.ClientSession | None = None
        self.shown = str(URL(self._url).with_user(None)) if URL(self._url).host else self._url

    async def ask(self, method: str, path: str, body: object = None, seconds: float = _ASK_SECONDS) -> Reply:
        """Call once and read the reply, whatever its status. Raises ``ModelServerUnreachable``, ``…Refused``."""
        try:
            async with (
                asyncio.timeout(seconds),
                await self._send(method, path, body) as response,
            ):
                return await _read(response)
        except (aiohttp.ClientError, OSError, ValueError) as error:
            raise self._unreachable(error) from error

    async def stream(self, path: str, body: object) -> Events:
        """Begin a stream of events. Raises ``Refused``, ``ModelServerUnreachable`` and ``ModelServerRefused``."""
        try:
            async with asyncio.timeout(self._first_token_seconds):
                # A proxy that compresses would hold tokens back.
                headers = {"Accept": "text/event-stream", "Accept-Encoding": "identity"}
                response = await self._send("POST", path, body, headers)
                if response.status != HTTPStatus.OK:
                    async with response:
                        raise Refused(await _read(response))
        except (aiohttp.ClientError, OSError, ValueError) as error:
            raise self._unreachable(error) from error
        return Events(response, self._first_token_seconds, self._idle_seconds)

    async def aclose(self) -> None:
        """Close all connections."""
        if self._session:
            await self._session.close()

    def error(self, reply: Reply, text: str) -> ModelServerError:
        """What a status means where the body says nothing better; ``text`` is what the server says."""
        match reply.status:
            case HTTPStatus.UNAUTHORIZED | HTTPStatus.FORBIDDEN:
                return ModelServerRefused(f"{self.shown} refuses the key: check PLAUSCH_MODEL_KEY.")
            case HTTPStatus.REQUEST_ENTITY_TOO_LARGE:
                return PromptTooLong(f"{self.shown} takes no request of this size: {text}")
            case HTTPStatus.TOO_MANY_REQUESTS:
                return ModelServerOverloaded(f"{self.shown}: {text}")
            case status if status in _NOT_YET:
                return ModelServerUnreachable(f"{self.shown} is not ready (status {status}): {text}")
            case status if status == HTTPStatus.FAILED_DEPENDENCY or status >= HTTPStatus.INTERNAL_SERVER_ERROR:
                return StreamBroken(f"{self.shown} failed (status {status}): {text}")
            case status:
                return ModelServerRefused(f"{self.shown} refuses the request (status {status}): {text}")

    async def _send(
        self, method: str, path: str, body: object, headers: Mapping[str, str] | None = None, again: int = _AGAIN
    ) -> aiohttp.ClientResponse:
        """Send a request and await the response's head.

        A server may close a kept connection at any time, without having taken what is just being sent on it: that says
        nothing about the server, so it is sent ``again`` on another, so many times at most.
        """
        way = _Way()
        try:
            return await self._open().request(
                method,
                self._url + path,
                json=body,
                headers=headers,
                allow_redirects=False,  # elsewhere may be anywhere
                trace_request_ctx=way,
            )
        except (aiohttp.ServerDisconnectedError, aiohttp.ClientOSError):
            if not (way.was_kept and again):
                raise
        return await self._send(method, path, body, headers, again - 1)

    def _open(self) -> aiohttp.ClientSession:
        # Made at the first call, since a session belongs to the running loop.
        if self._session is None or self._session.closed:
            tracing = aiohttp.TraceConfig()
            tracing.on_connection_reuseconn.append(_note_kept)
            self._session = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(limit=0, keepalive_timeout=_KEPT_SECONDS),
                timeout=aiohttp.ClientTimeout(total=None, sock_connect=_CONNECT_SECONDS),
                headers=self._headers,
                trace_configs=[tracing],
            )
        return self._session

    def _unreachable(self, error: Exception) -> ModelServerError:
        if isinstance(error, ValueError | aiohttp.NonHttpUrlClientError):
            return ModelServerRefused(
                f"{self.shown} with this key makes no HTTP request: check PLAUSCH_MODEL_URL (it begins with http:// or "
                "https://) and PLAUSCH_MODEL_KEY."
            )
        what = "it takes too long to answer" if isinstance(error, TimeoutError) else type(error).__name__
        return ModelServerUnreachable(f"{self.shown} can't be reached: {what}.")


class _Way:
    """How a request went out."""

    was_kept = False


async def _note_kept(_session: object, context: SimpleNamespace, _about: object) -> None:
    context.trace_request_ctx.was_kept = True


async def _read(response: aiohttp.ClientResponse) -> Reply:
    """The whole body, if it is of a size that a model server has reason for."""
    body = bytearray()
    async for chunk in response.content.iter_any():
        body += chunk
        if len(body) > _LARGEST_REPLY:
            raise aiohttp.ClientPayloadError("the reply is too large")
    return Reply(response.status, bytes(body))
