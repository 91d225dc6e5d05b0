"""What tests of Slack share: a clock that is moved by hand, the official client, a request URL, a room with people."""

from __future__ import annotations

import time
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Self

import aiohttp
import pytest
from aiohttp import web
from slack_sdk.errors import SlackApiError
from slack_sdk.signature import SignatureVerifier
from slack_sdk.web.async_client import AsyncWebClient

if TYPE_CHECKING:
    import asyncio
    from collections.abc import AsyncIterator, Awaitable, Callable, Mapping

    from adapters.standins.slack import StandInSlack

SECRET = "8f742231b10e8888abcd99yyyzzz85a5"


class HandClock:
    """Seconds since 1970, moved by hand; begins at the present, so that signatures hold."""

    def __init__(self) -> None:
        self.now = time.time()

    def __call__(self) -> float:
        return self.now

    def advance(self, seconds: float) -> None:
        """Let time pass."""
        self.now += seconds


@asynccontextmanager
async def official_client(slack: StandInSlack, token: str | None = None) -> AsyncIterator[AsyncWebClient]:
    """The SDK's client, with one session and without retries of its own."""
    async with aiohttp.ClientSession() as session:
        yield AsyncWebClient(
            token=slack.bot_token if token is None else token,
            base_url=slack.api_url,
            session=session,
            retry_handlers=[],
        )


async def refusal(call: Awaitable[object]) -> str:
    """The error's code with which a call is refused."""
    with pytest.raises(SlackApiError) as refused:
        await call
    return str(refused.value.response["error"])


@dataclass(frozen=True, slots=True)
class Room:
    """A public channel, the direct room of its person, and that person."""

    channel: str
    direct: str
    person: str


def furnish(slack: StandInSlack) -> Room:
    """One person, one channel that the app is in."""
    person = slack.add_person("Kim")
    return Room(slack.add_channel("allgemein"), slack.direct(person), person)


@dataclass(frozen=True, slots=True)
class Received:
    """A request that came to the request URL, with a valid signature."""

    headers: Mapping[str, str]
    text: str
    form: Mapping[str, Any]
    json: Mapping[str, Any]

    @property
    def event(self) -> Mapping[str, Any]:
        """The inner event."""
        event: Mapping[str, Any] = self.json["event"]
        return event


@dataclass(slots=True)
class RequestUrl:
    """An app's request URL: it checks each signature with the official verifier, and answers as it is told."""

    answer: Callable[[Received], web.Response] = field(default=lambda _: web.Response())
    received: list[Received] = field(default_factory=list)
    block: asyncio.Event | None = None
    url: str = ""
    _runner: web.AppRunner | None = None

    async def __aenter__(self) -> Self:
        application = web.Application()
        application.add_routes([web.post("/slack/events", self._take)])
        runner = self._runner = web.AppRunner(application, access_log=None, shutdown_timeout=0.1)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        self.url = f"http://127.0.0.1:{runner.addresses[0][1]}/slack/events"
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._runner is not None:
            await self._runner.cleanup()

    async def _take(self, request: web.Request) -> web.Response:
        body = await request.read()
        if not SignatureVerifier(SECRET).is_valid_request(body, dict(request.headers)):
            return web.Response(status=401)
        is_json = request.content_type == "application/json"
        got = Received(
            dict(request.headers),
            body.decode(),
            {} if is_json else dict(await request.post()),
            await request.json() if is_json else {},
        )
        self.received.append(got)
        if self.block is not None:
            await self.block.wait()
        return self.answer(got)

    def events(self) -> list[Mapping[str, Any]]:
        """The inner events so far, in the order in which they came."""
        return [each.event for each in self.received if each.json.get("type") == "event_callback"]
