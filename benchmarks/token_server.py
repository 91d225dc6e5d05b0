"""A model server that costs little: it replays what a stand-in streams, token by token, to very many at once.

The stand-ins themselves would be the limit: at 1,000 streams of 20 tokens a second they want more than a core.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, cast

import aiohttp

from adapters.standins.openai import StandInOpenAI
from adapters.standins.script import pieces
from adapters.standins.tgi import StandInTGI

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping, Sequence
    from typing import Any

TOKENS_PER_SECOND = 20
_SLOTS = 10
_STREAMS = ("/generate_stream", "/v1/completions")
_ASKED = ("/info", "/health", "/v1/models", "/props")
_TEXT = (
    "Das hängt davon ab, was du genau vorhast. Ein Wärmetauscher gibt Wärme von einem Stoff an den anderen weiter.\n\n"
)
_HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"
_LAST_CHUNK = b"0\r\n\r\n"


@dataclass(slots=True)
class Recording:
    """What a model server answers: its streams' chunks, one a token, and whole responses by path."""

    chunks: list[bytes]
    characters: int
    """How long the streamed text is."""
    replies: Mapping[str, bytes]


@dataclass(slots=True)
class Streamed:
    """How the server kept to its own time: ``late`` is the most, in seconds, that a token went out after it was due.

    ``ended``: when each stream's last token was due, in seconds since 1970, by its place among the requests.
    ``asked_at``: when the newest request had come as a whole, ``over_at``: when the last token went out of the stream
    that ended last, both by ``time.perf_counter``; ``over`` is set then.
    """

    late: float = 0.0
    ended: list[float] = field(default_factory=list)
    asked_at: float = 0.0
    over_at: float = 0.0
    over: asyncio.Event = field(default_factory=asyncio.Event)


async def recorded(kind: str, tokens: int) -> Recording:
    """Ask a stand-in of this kind (``tgi``, ``openai``) once, and keep what it says."""
    words = (pieces(_TEXT) * tokens)[:tokens]
    server: StandInTGI | StandInOpenAI
    body: dict[str, Any]
    if kind == "tgi":
        server = StandInTGI(lambda _: words)
        body = {"inputs": "Hallo", "parameters": {"max_new_tokens": tokens + 8, "details": True}}
    else:
        server = StandInOpenAI(lambda _: words)
        body = {"model": server.model, "prompt": "Hallo", "max_tokens": tokens + 8, "stream": True}
        body |= {"stream_options": {"include_usage": True}}
    async with server, aiohttp.ClientSession() as http:
        async with http.post(server.url + _STREAMS[kind == "openai"], json=body) as response:
            events = [event + b"\n\n" for event in (await response.read()).split(b"\n\n") if event]
        replies = {}
        for path in _ASKED:
            async with http.get(server.url + path) as response:
                replies[path] = _response(response.status, await response.read())
    # What follows the last word (end token, usage, [DONE]) comes together with it.
    tail = b"".join(events[tokens - 1 :])
    return Recording([_chunk(event) for event in [*events[: tokens - 1], tail]], len("".join(words).strip()), replies)


@contextlib.asynccontextmanager
async def token_server(
    recording: Recording, tokens_per_second: float = TOKENS_PER_SECOND
) -> AsyncIterator[tuple[str, Streamed]]:
    """Yields the address, and how the server keeps to its time. ``tokens_per_second``: of each stream."""
    loop = asyncio.get_running_loop()
    streamed = Streamed()
    slots = [_Slot(loop, recording.chunks, 1 / tokens_per_second, streamed) for _ in range(_SLOTS)]
    began = loop.time()
    for number, slot in enumerate(slots):
        slot.start(began + number / _SLOTS / tokens_per_second)
    server = await loop.create_server(lambda: _Connection(recording, slots, streamed), "127.0.0.1", 0, backlog=4096)
    try:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}", streamed
    finally:
        for slot in slots:
            slot.stop()
        server.close()


class _Slot:
    """Streams that are due at the same moments: one timer for all of them."""

    def __init__(
        self, loop: asyncio.AbstractEventLoop, chunks: Sequence[bytes], pause: float, streamed: Streamed
    ) -> None:
        self._loop = loop
        self._chunks = chunks
        self._pause = pause
        self._streamed = streamed
        self._streams: dict[asyncio.WriteTransport, int] = {}
        self._due = 0.0
        self._timer: asyncio.TimerHandle | None = None

    @property
    def seconds_left(self) -> float:
        """How long until the next token."""
        return self._due - self._loop.time()

    def start(self, due: float) -> None:
        """Begin to tick."""
        self._due = due
        self._timer = self._loop.call_at(due, self._tick)

    def stop(self) -> None:
        """Tick no more."""
        if self._timer is not None:
            self._timer.cancel()

    def add(self, transport: asyncio.WriteTransport) -> None:
        """A stream whose first token comes with the next tick."""
        self._streams[transport] = 0
        last_due = self.seconds_left + (len(self._chunks) - 1) * self._pause
        self._streamed.ended.append(time.time() + last_due)

    def _tick(self) -> None:
        for transport, number in list(self._streams.items()):
            if transport.is_closing():
                del self._streams[transport]
                continue
            if number + 1 < len(self._chunks):
                transport.write(self._chunks[number])
                self._streams[transport] = number + 1
                continue
            self._streamed.over_at = time.perf_counter()
            transport.write(self._chunks[number] + _LAST_CHUNK)
            self._streamed.over.set()
            del self._streams[transport]
        self._streamed.late = max(self._streamed.late, self._loop.time() - self._due)
        self.start(self._due + self._pause)


class _Connection(asyncio.Protocol):
    """Requests of one connection, one after the other."""

    def __init__(self, recording: Recording, slots: Sequence[_Slot], streamed: Streamed) -> None:
        self._recording = recording
        self._slots = slots
        self._streamed = streamed
        self._received = b""
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Somebody connects."""
        self._transport = cast("asyncio.Transport", transport)  # uvloop's own is none of its subclasses

    def data_received(self, data: bytes) -> None:
        """Answer once the request is whole."""
        self._received += data
        head, is_whole, body = self._received.partition(b"\r\n\r\n")
        if not is_whole or len(body) < _length(head) or self._transport is None:
            return
        self._received = body[_length(head) :]
        path = head.split(b" ", 2)[1].decode()
        if path in _STREAMS:
            self._streamed.asked_at = time.perf_counter()
            self._transport.write(_HEAD)
            # The slot whose next token is farthest away: a model takes its time before the first one.
            max(self._slots, key=lambda slot: slot.seconds_left).add(self._transport)
        else:
            self._transport.write(self._recording.replies.get(path, _response(404, b"")))


def _length(head: bytes) -> int:
    _, found, rest = head.lower().partition(b"content-length:")
    return int(rest.split(b"\r\n", 1)[0]) if found else 0


def _response(status: int, body: bytes) -> bytes:
    head = f"HTTP/1.1 {status} -\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    return head.encode() + body


def _chunk(data: bytes) -> bytes:
    return b"%x\r\n%b\r\n" % (len(data), data)
