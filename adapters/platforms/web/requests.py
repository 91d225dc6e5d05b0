"""What the page sends, checked before anybody acts on it."""

from __future__ import annotations

import asyncio
import json
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from starlette.requests import ClientDisconnect

from adapters.platforms.web.problems import Problem, Said
from conversation.messages import storable

if TYPE_CHECKING:
    from starlette.requests import Request

MAX_CHARACTERS = 32_000
MAX_BYTES = 512 * 1024
"""The longest text in its widest JSON (two ``\\uXXXX`` a character), and room beside it."""
_READ_SECONDS = 15.0
"""A phone on a poor line needs some for a long message; who needs more holds the connection for nothing."""
_UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")


@dataclass(frozen=True, slots=True)
class Sent:
    """A message as the page sent it. ``id`` is the page's own UUID for it, the same at each retry."""

    id: str
    text: str = ""


async def read_message(request: Request) -> Sent:
    """``{"id", "text"}``. Raises ``Problem``."""
    body = await _read_object(request)
    return Sent(_id(body), _text(body))


async def read_stop(request: Request) -> Sent:
    """``{"id"}``. Raises ``Problem``."""
    return Sent(_id(await _read_object(request)))


def _id(body: dict[str, Any]) -> str:
    value = body.get("id")
    if isinstance(value, str) and _UUID.fullmatch(value):
        return value
    raise Problem(
        422,
        Said("Die Nachricht hat keine Kennung.", "The message has no id."),
        Said("Schicke als „id“ eine UUID in Kleinbuchstaben mit.", 'Send a UUID in lower case as "id".'),
        "id",
    )


def _text(body: dict[str, Any]) -> str:
    text = body.get("text")
    if not isinstance(text, str) or not storable(text).strip():
        raise Problem(
            422,
            Said("Die Nachricht ist leer.", "The message is empty."),
            Said("Schreibe etwas und sende es dann.", "Write something, then send it."),
            "text",
        )
    if len(text) > MAX_CHARACTERS:
        raise Problem(
            422,
            Said(
                f"Die Nachricht ist mit {len(text)} Zeichen zu lang; {MAX_CHARACTERS} sind möglich.",
                f"With {len(text)} characters the message is too long; {MAX_CHARACTERS} are possible.",
            ),
            Said("Kürze sie oder sende sie in Teilen.", "Shorten it, or send it in parts."),
            "text",
        )
    return text


async def _read_object(request: Request) -> dict[str, Any]:
    if request.headers.get("content-type", "").partition(";")[0].strip().lower() != "application/json":
        raise Problem(
            415,
            Said("Hier wird nur JSON angenommen.", "Only JSON is taken here."),
            Said("Sende mit „Content-Type: application/json“.", 'Send with "Content-Type: application/json".'),
        )
    try:
        body = json.loads(await _read_limited(request))
    except (ValueError, RecursionError):
        body = None
    if not isinstance(body, dict):
        raise Problem(
            400,
            Said("Die Anfrage ist kein lesbares JSON-Objekt.", "The request is no readable JSON object."),
            Said('Sende zum Beispiel {"id": "…", "text": "…"}.', 'Send for example {"id": "…", "text": "…"}.'),
        )
    return body


async def _read_limited(request: Request) -> bytes:
    try:
        async with asyncio.timeout(_READ_SECONDS):
            return await _read(request)
    except TimeoutError:
        raise Problem(
            408,
            Said("Die Nachricht kam zu langsam an.", "The message came in too slowly."),
            Said("Sende sie noch einmal.", "Send it once more."),
        ) from None
    except ClientDisconnect:
        raise Problem(
            400,
            Said("Die Verbindung ist abgebrochen.", "The connection was cut."),
            Said("Sende die Nachricht noch einmal.", "Send the message once more."),
        ) from None


async def _read(request: Request) -> bytes:
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > MAX_BYTES:
            raise Problem(
                413,
                Said("Die Anfrage ist zu groß.", "The request is too large."),
                Said("Kürze die Nachricht oder sende sie in Teilen.", "Shorten the message, or send it in parts."),
            )
    return bytes(body)
