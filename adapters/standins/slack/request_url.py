"""Delivery over HTTP: signed POSTs to the app's request URL."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import json
import time
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

import aiohttp

from adapters.standins.slack.parcels import COMMAND, EVENT, Parcel
from adapters.standins.slack.records import Outcome

if TYPE_CHECKING:
    from adapters.standins.slack.settings import Settings

_MAX_REDIRECTS = 2
_USER_AGENT = "Slackbot 1.0 (+https://api.slack.com/robots)"


def signature(secret: str, timestamp: str, body: bytes) -> str:
    """What ``X-Slack-Signature`` carries: HMAC-SHA256 over ``v0:timestamp:body``."""
    digest = hmac.new(secret.encode(), b"v0:" + timestamp.encode() + b":" + body, hashlib.sha256)
    return f"v0={digest.hexdigest()}"


class RequestUrl:
    """Posts to ``settings.events_url``, waits for a 2xx."""

    def __init__(self, settings: Settings, session: aiohttp.ClientSession) -> None:
        self._settings = settings
        self._session = session

    async def carry(self, parcel: Parcel, attempt: int, reason: str) -> Outcome:
        """One POST, with the retry headers after the first."""
        retry = {"X-Slack-Retry-Num": str(attempt), "X-Slack-Retry-Reason": reason} if attempt else {}
        media_type, body = _encoded(parcel)
        return await self._post(body, {"Content-Type": media_type} | retry)

    async def verify(self) -> bool:
        """The handshake of a new request URL: whether it says the challenge back."""
        challenge = hashlib.sha256(str(time.time_ns()).encode()).hexdigest()
        body = json.dumps({"token": "deprecated", "challenge": challenge, "type": "url_verification"}).encode()
        outcome = await self._post(body, {"Content-Type": "application/json"})
        said = outcome.body.get("challenge") if isinstance(outcome.body, dict) else outcome.body
        return outcome.acknowledged and said == challenge

    async def _post(self, body: bytes, headers: dict[str, str]) -> Outcome:
        started = time.monotonic()
        try:
            async with asyncio.timeout(self._settings.acknowledge_within):
                status, answer, retry_forbidden = await self._exchange(body, headers)
        except (TimeoutError, aiohttp.ClientError) as problem:
            return Outcome(status=None, reason=_reason(problem), seconds=time.monotonic() - started)
        return Outcome(
            status=status,
            reason="" if status // 100 == 2 else "http_error",  # noqa: PLR2004 - 2xx is how HTTP writes it
            seconds=time.monotonic() - started,
            body=answer,
            retry_forbidden=retry_forbidden,
        )

    async def _exchange(self, body: bytes, headers: dict[str, str]) -> tuple[int, Any, bool]:
        timestamp = str(int(time.time()))
        signed = {
            "User-Agent": _USER_AGENT,
            "X-Slack-Request-Timestamp": timestamp,
            "X-Slack-Signature": signature(self._settings.signing_secret, timestamp, body),
        }
        url = self._settings.events_url or ""
        async with self._session.post(
            url, data=body, headers=headers | signed, max_redirects=_MAX_REDIRECTS
        ) as response:
            text = await response.text()
            forbidden = response.headers.get("X-Slack-No-Retry") == "1"
            return response.status, _decoded(response.content_type, text), forbidden


def _encoded(parcel: Parcel) -> tuple[str, bytes]:
    form = "application/x-www-form-urlencoded"
    if parcel.kind == EVENT:
        return "application/json", json.dumps(parcel.payload).encode()
    if parcel.kind == COMMAND:
        return form, urlencode(parcel.payload).encode()
    return form, urlencode({"payload": json.dumps(parcel.payload)}).encode()


def _decoded(content_type: str, text: str) -> Any:
    if content_type != "application/json" or not text:
        return text
    try:
        return json.loads(text)
    except ValueError:
        return text


def _reason(problem: Exception) -> str:
    match problem:
        case TimeoutError():
            return "http_timeout"
        case aiohttp.TooManyRedirects():
            return "too_many_redirects"
        case aiohttp.ClientSSLError():
            return "ssl_error"
        case aiohttp.InvalidURL():
            return "unknown_error"
        case _:
            return "connection_failed"
