"""Socket Mode: up to ten sockets, envelopes that want an acknowledgement, any socket may get one."""

from __future__ import annotations

import asyncio
import json
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from aiohttp import WSMsgType, web

from adapters.standins.slack.model import APP
from adapters.standins.slack.parcels import EVENT, SOCKET_LOST, Parcel
from adapters.standins.slack.records import Change, ChangeKind, Outcome

if TYPE_CHECKING:
    from adapters.standins.slack.model import Json
    from adapters.standins.slack.settings import Settings
    from adapters.standins.slack.watching import Watch

MAX_CONNECTIONS = 10
_HOST = "applink-standin"
_ENVELOPES = {EVENT: "events_api"}


@dataclass(slots=True, eq=False)
class _Socket:
    request: web.Request
    response: web.WebSocketResponse
    leaving: bool = False
    waiting: set[str] = field(default_factory=set)


class Sockets:
    """The sockets that apps have opened.

    An event waits until there is one; how long Slack itself would wait is not known. A command or a press does not.
    """

    def __init__(self, settings: Settings, watch: Watch) -> None:
        self._settings = settings
        self._watch = watch
        self._tickets: set[str] = set()
        self._sockets: list[_Socket] = []
        self._acknowledgements: dict[str, asyncio.Future[Any]] = {}
        self._connected = asyncio.Event()

    @property
    def count(self) -> int:
        """How many are open."""
        return len(self._sockets)

    def new_ticket(self) -> str:
        """What an address carries; good for one connection."""
        ticket = uuid4().hex
        self._tickets.add(ticket)
        return ticket

    async def handle(self, request: web.Request) -> web.StreamResponse:
        """One socket, from its opening to its end."""
        if (ticket := request.query.get("ticket", "")) not in self._tickets:
            raise web.HTTPForbidden
        self._tickets.discard(ticket)
        response = web.WebSocketResponse(heartbeat=self._settings.ping_seconds)
        await response.prepare(request)
        if len(self._sockets) >= MAX_CONNECTIONS:
            await response.send_json(_disconnect("too_many_websockets"))
            await response.close()
            return response
        socket = _Socket(request, response)
        await self._listen(socket)
        return response

    async def _listen(self, socket: _Socket) -> None:
        await socket.response.send_json(_hello(len(self._sockets) + 1))
        self._sockets.append(socket)
        self._connected.set()
        self._tell(ChangeKind.CONNECTED)
        try:
            async for message in socket.response:
                if message.type is WSMsgType.TEXT:
                    self._acknowledge(message.data)
        finally:
            self._forget(socket)

    def _forget(self, socket: _Socket) -> None:
        self._sockets.remove(socket)
        if not any(not other.leaving for other in self._sockets):
            self._connected.clear()
        for envelope_id in socket.waiting:
            _resolve(self._acknowledgements.get(envelope_id), SOCKET_LOST)
        self._tell(ChangeKind.DISCONNECTED)

    def _acknowledge(self, text: str) -> None:
        try:
            said = json.loads(text)
        except ValueError:
            return
        if isinstance(said, dict):
            # The acknowledgement may come on another socket than the envelope went out on.
            _resolve(self._acknowledgements.get(str(said.get("envelope_id"))), said.get("payload") or {})

    async def carry(self, parcel: Parcel, attempt: int, reason: str) -> Outcome:
        """Send one envelope and wait for its acknowledgement."""
        if parcel.kind != EVENT and not self._connected.is_set():
            return Outcome(status=None, reason="no_socket")
        socket = await self._next_socket()
        started = time.monotonic()
        envelope = _envelope(parcel, attempt, reason)
        try:
            body = await self._exchange(socket, envelope)
        except TimeoutError:
            return Outcome(status=None, reason="timeout", seconds=time.monotonic() - started)
        seconds = time.monotonic() - started
        if body == SOCKET_LOST:
            return Outcome(status=None, reason=SOCKET_LOST, seconds=seconds)
        return Outcome(status=200, seconds=seconds, body=body)

    async def _exchange(self, socket: _Socket, envelope: Json) -> Any:
        envelope_id = envelope["envelope_id"]
        answer = self._acknowledgements[envelope_id] = asyncio.get_running_loop().create_future()
        socket.waiting.add(envelope_id)
        try:
            async with asyncio.timeout(self._settings.acknowledge_within):
                await socket.response.send_json(envelope)
                return await answer
        except ConnectionError:
            return SOCKET_LOST
        finally:
            socket.waiting.discard(envelope_id)
            del self._acknowledgements[envelope_id]

    async def _next_socket(self) -> _Socket:
        while True:
            await self._connected.wait()
            for socket in self._sockets:
                if not socket.leaving and not socket.response.closed:
                    # The next envelope takes the next socket.
                    self._sockets.remove(socket)
                    self._sockets.append(socket)
                    return socket
            self._connected.clear()

    async def disconnect(self, reason: str) -> None:
        """Announce to each socket that it will go; it gets nothing more, and its owner opens another."""
        self._connected.clear()
        for socket in list(self._sockets):
            socket.leaving = True
            await socket.response.send_json(_disconnect(reason))

    def drop(self) -> None:
        """Cut every socket without a word."""
        self._connected.clear()
        for socket in self._sockets:
            socket.leaving = True
            if socket.request.transport is not None:
                socket.request.transport.abort()

    async def close(self) -> None:
        """Close every socket in good order."""
        for socket in list(self._sockets):
            await socket.response.close()

    def _tell(self, kind: ChangeKind) -> None:
        self._watch.tell(Change(kind=kind, at=self._settings.clock(), text=str(len(self._sockets))))


def _resolve(answer: asyncio.Future[Any] | None, value: object) -> None:
    if answer is not None and not answer.done():
        answer.set_result(value)


def _hello(connections: int) -> Json:
    debug = {"host": _HOST, "build_number": 1, "approximate_connection_time": 18060}
    return {
        "type": "hello",
        "num_connections": connections,
        "debug_info": debug,
        "connection_info": {"app_id": APP},
    }


def _disconnect(reason: str) -> Json:
    return {"type": "disconnect", "reason": reason, "debug_info": {"host": _HOST}}


def _envelope(parcel: Parcel, attempt: int, reason: str) -> Json:
    envelope: Json = {
        "envelope_id": str(uuid4()),
        "type": _ENVELOPES.get(parcel.kind, parcel.kind),
        "payload": parcel.payload,
        "accepts_response_payload": parcel.kind != EVENT,
    }
    if parcel.kind == EVENT:
        envelope |= {"retry_attempt": attempt, "retry_reason": reason}
    return envelope
