"""Signed Slack events as fast as a service takes them: prepared requests over connections that stay open."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import json
import time
from typing import TYPE_CHECKING, Self

from adapters.standins.slack import APP, TEAM
from adapters.standins.slack.request_url import signature
from benchmarks.pairs import rate

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import TracebackType

TEXT = "Kannst du mir bitte erklären, wie ein Wärmetauscher funktioniert?"
_OK = b"HTTP/1.1 200"


class Refused(Exception):
    """An event was not answered as it should be."""


class Events:
    """Requests with events, each with a message of its own, in one person's direct chat."""

    def __init__(self, secret: str, channel: str, person: str) -> None:
        self._secret = secret
        self._channel = channel
        self._person = person
        self._seconds = int(time.time())
        self._numbers = itertools.count(1)

    def body(self) -> bytes:
        """The next event."""
        number = next(self._numbers)
        event = {
            "type": "message",
            "channel": self._channel,
            "channel_type": "im",
            "user": self._person,
            "team": TEAM,
            "text": f"{TEXT} ({number})",
            "ts": f"{self._seconds}.{number:06}",
            "event_ts": f"{self._seconds}.{number:06}",
        }
        authorization = {"team_id": TEAM, "user_id": "U0APP", "is_bot": True, "is_enterprise_install": False}
        envelope = {
            "token": "deprecated",
            "team_id": TEAM,
            "api_app_id": APP,
            "event": event,
            "type": "event_callback",
            "event_id": f"Ev{number:08}",
            "event_time": self._seconds,
            "authorizations": [authorization],
            "is_ext_shared_channel": False,
            "event_context": f"4-{number:08}",
        }
        return json.dumps(envelope).encode()

    def request(self) -> bytes:
        """The next event as a whole HTTP request, signed now: it holds for five minutes."""
        body, timestamp = self.body(), str(int(time.time()))
        head = (
            "POST /slack/events HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n"
            f"Content-Length: {len(body)}\r\nX-Slack-Request-Timestamp: {timestamp}\r\n"
            f"X-Slack-Signature: {signature(self._secret, timestamp, body)}\r\n\r\n"
        )
        return head.encode() + body


class Line:
    """One connection that stays open."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer

    @classmethod
    async def open(cls, port: int) -> Self:
        """Connect to this machine."""
        return cls(*await asyncio.open_connection("127.0.0.1", port))

    async def send(self, request: bytes) -> None:
        """Send a request and read its answer to the end. Raises ``Refused``."""
        self._writer.write(request)
        head = await self._reader.readuntil(b"\r\n\r\n")
        if not head.startswith(_OK):
            raise Refused(f"the event was answered with {head[:40]!r}")
        lower = head.lower()
        start = lower.find(b"content-length:")
        if start < 0:
            raise Refused("the answer does not say how long it is")
        length = int(lower[start + 15 : lower.index(b"\r", start)])
        if length:
            await self._reader.readexactly(length)

    def close(self) -> None:
        """Hang up."""
        self._writer.close()


async def until_taken(address: str, events: Events, within: float = 20.0) -> None:
    """Wait until the service takes an event: it is ready before Slack has told it who it is."""
    port = int(address.rpartition(":")[2])
    async with asyncio.timeout(within):
        while True:
            with contextlib.suppress(Refused), contextlib.closing(await Line.open(port)) as line:
                return await line.send(events.request())
            await asyncio.sleep(0.1)


class Crowd:
    """So many connections to one service that all send at once."""

    def __init__(self, address: str, events: Events, lines: int) -> None:
        self._port = int(address.rpartition(":")[2])
        self._events = events
        self._count = lines
        self._lines: list[Line] = []
        self._ready: Iterator[bytes] = iter(())

    async def __aenter__(self) -> Self:
        self._lines = [await Line.open(self._port) for _ in range(self._count)]
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for line in self._lines:
            line.close()

    async def send(self, seconds: float, *, prepared: int = 5_000) -> float:
        """How many events a second are answered. So many requests are signed before; where they don't do, later ones
        are signed in between, which makes us slower, not the service faster.
        """
        self._ready = itertools.chain([self._events.request() for _ in range(prepared)], self._later())

        async def one(number: int) -> None:
            await self._lines[number].send(next(self._ready))

        return await rate(one, self._count, seconds)

    def _later(self) -> Iterator[bytes]:
        while True:
            yield self._events.request()
