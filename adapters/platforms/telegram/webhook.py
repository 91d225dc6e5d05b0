"""The webhook: Telegram posts one update, and posts it again until it is taken."""

from __future__ import annotations

import asyncio
import hmac
import json
import re
from typing import TYPE_CHECKING

from starlette.requests import ClientDisconnect
from starlette.responses import Response
from starlette.routing import Route

from conversation.errors import SettingWrong, StoreUnavailable

if TYPE_CHECKING:
    from collections.abc import Callable

    from starlette.requests import Request

    from adapters.platforms.telegram.receiving import Receiver

PATH = "/telegram/webhook"
_HEADER = "x-telegram-bot-api-secret-token"
_SECRET = re.compile(r"[A-Za-z0-9_-]{1,256}")
_LARGEST_BODY = 1 << 20
_READ_SECONDS = 10.0
_NO_MORE = {"Connection": "close"}
_LATER = {"Retry-After": "5"}


class _TooLarge(Exception):
    pass


def checked_secret(secret: str) -> str:
    """The secret, if Telegram would take it. Raises ``SettingWrong``."""
    if not _SECRET.fullmatch(secret):
        raise SettingWrong(
            "PLAUSCH_TELEGRAM_WEBHOOK_SECRET",
            "Telegram takes 1 to 256 characters of A-Z, a-z, 0-9, _ and -.",
            "Set another one, for example the output of: openssl rand -hex 32",
        )
    return secret


def webhook_route(receiver: Callable[[], Receiver | None], secret: str) -> Route:
    """The route that takes updates which carry the secret. ``receiver`` gives None until the bot knows itself."""
    expected = checked_secret(secret).encode()

    async def take(request: Request) -> Response:
        # Bytes, since the comparison refuses text that is not ASCII; before the body, which may be anybody's.
        if not hmac.compare_digest(request.headers.get(_HEADER, "").encode("latin-1"), expected):
            return Response(status_code=403)
        at_hand = receiver()
        if at_hand is None:
            return Response(status_code=503, headers=_LATER)
        try:
            body = await _body(request)
        except _TooLarge:
            return Response(status_code=413, headers=_NO_MORE)
        except TimeoutError:
            return Response(status_code=408, headers=_NO_MORE)
        except ClientDisconnect:
            return Response(status_code=400)
        return await _taken(at_hand, body)

    return Route(PATH, take, methods=["POST"])


async def _body(request: Request) -> bytes:
    body = bytearray()
    async with asyncio.timeout(_READ_SECONDS):
        async for chunk in request.stream():
            body += chunk
            if len(body) > _LARGEST_BODY:
                raise _TooLarge
    return bytes(body)


async def _taken(receiver: Receiver, body: bytes) -> Response:
    """200 for all that is stored now, readable or not: else Telegram would hold back what follows in this chat."""
    text = body.decode("utf-8", "replace")
    try:
        try:
            update = json.loads(text)
        except (ValueError, RecursionError):
            await receiver.keep(text, "no JSON")
        else:
            await receiver.take(update)
    except StoreUnavailable:
        return Response(status_code=503, headers=_LATER)
    return Response()
