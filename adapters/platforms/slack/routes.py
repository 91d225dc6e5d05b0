"""The HTTP way in: size, time and signature are checked before anything is parsed."""

from __future__ import annotations

import asyncio
import time
from http import HTTPStatus
from typing import TYPE_CHECKING, Final

from starlette.requests import ClientDisconnect
from starlette.responses import Response
from starlette.routing import Route

from adapters.platforms.slack.signatures import is_signed

if TYPE_CHECKING:
    from collections.abc import Callable

    from slack_bolt.response import BoltResponse
    from starlette.requests import Request

    from adapters.platforms.slack.receive import Receiver

PATH: Final = "/slack/events"
MOST_BYTES: Final = 1024 * 1024
READ_SECONDS: Final = 3.0


class EventsRoute:
    """Events, slash commands and interactivity, all at one address."""

    def __init__(
        self,
        receiver: Callable[[], Receiver],
        signing_secret: str,
        *,
        read_seconds: float = READ_SECONDS,
        now: Callable[[], float] = time.time,
    ) -> None:
        self._receiver = receiver
        self._secret = signing_secret
        self._read_seconds = read_seconds
        self._now = now

    def route(self) -> Route:
        """The route to mount."""
        return Route(PATH, self.answer, methods=["POST"])

    async def answer(self, request: Request) -> Response:
        """One request."""
        try:
            async with asyncio.timeout(self._read_seconds):
                body = await _read(request)
        except TimeoutError:
            return Response(status_code=HTTPStatus.REQUEST_TIMEOUT, headers={"connection": "close"})
        except ClientDisconnect:
            return Response(status_code=HTTPStatus.BAD_REQUEST)
        if body is None:
            return Response(status_code=HTTPStatus.REQUEST_ENTITY_TOO_LARGE, headers={"connection": "close"})
        if not self._is_signed(request, body):
            return Response(status_code=HTTPStatus.UNAUTHORIZED)
        headers = {"content-type": request.headers.get("content-type", "")}
        return _response(await self._receiver().handle(body.decode("utf-8", "replace"), headers, "http"))

    def _is_signed(self, request: Request, body: bytes) -> bool:
        timestamp = request.headers.get("x-slack-request-timestamp", "")
        signature = request.headers.get("x-slack-signature", "")
        return is_signed(self._secret, timestamp, signature, body, now=self._now())


async def _read(request: Request) -> bytes | None:
    """The body, or None once it is too large."""
    length = request.headers.get("content-length", "")
    if length.isdecimal() and int(length[:20]) > MOST_BYTES:
        return None
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > MOST_BYTES:
            return None
    return bytes(body)


def _response(answer: BoltResponse) -> Response:
    headers = {name: values[0] for name, values in answer.headers.items()}
    return Response(answer.body, status_code=answer.status, headers=headers)
