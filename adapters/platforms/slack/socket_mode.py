"""The Socket Mode way in: the SDK's client, a watchdog that replaces it, an acknowledgement only after the commit."""

from __future__ import annotations

import asyncio
import logging
import time
from typing import TYPE_CHECKING, Final

from slack_bolt.adapter.socket_mode.async_internals import send_async_response
from slack_sdk.errors import SlackClientError
from slack_sdk.socket_mode.aiohttp import SocketModeClient

from adapters.platforms.slack.tokens import open_socket
from conversation.errors import PlatformError, SettingWrong, TooFast

if TYPE_CHECKING:
    from collections.abc import Callable

    from aiohttp import WSMessage
    from slack_sdk.socket_mode.async_client import AsyncBaseSocketModeClient
    from slack_sdk.socket_mode.request import SocketModeRequest
    from slack_sdk.web.async_client import AsyncWebClient

    from adapters.platforms.slack.receive import Receiver

log = logging.getLogger(__name__)

PING_SECONDS: Final = 10.0
CONNECT_SECONDS: Final = 20.0
DRAIN_SECONDS: Final = 3.0
"""Slack waits this long for an acknowledgement."""
CLOSE_SECONDS: Final = 2.0
"""How long the other side may take to say goodbye: where nothing comes any more, it never does."""
FIRST_PAUSE_SECONDS: Final = 1.0
_LONGEST_PAUSE: Final = 30.0


SILENCE_SECONDS: Final = 90.0
"""A socket over which nothing has come for so long, no pong either, is replaced."""


class SocketMode:
    """One connection to Slack, kept up. ``trouble``: why nothing comes over it, None while all is well."""

    def __init__(  # noqa: PLR0913 - each of them is one thing that a test sets
        self,
        receiver: Receiver,
        client: AsyncWebClient,
        app_token: str,
        *,
        ping_seconds: float = PING_SECONDS,
        silence_seconds: float = SILENCE_SECONDS,
        connect_seconds: float = CONNECT_SECONDS,
        first_pause: float = FIRST_PAUSE_SECONDS,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._receiver = receiver
        self._client = client
        self._app_token = app_token
        self._ping_seconds = ping_seconds
        self._silence_seconds = silence_seconds
        self._connect_seconds = connect_seconds
        self._first_pause = first_pause
        self._clock = clock
        self._was_open = False
        self.trouble: str | None = "the socket is not open yet"

    async def run(self) -> None:
        """Receive until cancelled. Raises ``SettingWrong`` where Slack refuses the app token from the beginning."""
        pause = self._first_pause
        while True:
            try:
                await self._connected(await self._address())
                pause = self._first_pause
            except TooFast as limit:
                pause = max(pause, limit.seconds)
                self._says(f"the socket can't be opened: Slack wants a pause of {limit.seconds:g} s")
            except SettingWrong as refusal:
                # A token that is taken back ends no service whose other platforms go on.
                if not self._was_open:
                    raise
                self._says(f"the socket can't be opened: {refusal.problem}")
            except (PlatformError, TimeoutError, OSError, SlackClientError) as trouble:
                self._says(f"the socket can't be opened: {_reason(trouble)}")
            await asyncio.sleep(pause)
            pause = min(_LONGEST_PAUSE, pause * 2)

    async def _address(self) -> str:
        async with asyncio.timeout(self._connect_seconds):
            return await open_socket(self._client, self._app_token)

    async def _connected(self, address: str) -> None:
        """Receive over one client until the watchdog finds it stalled."""
        client = SocketModeClient(
            app_token=self._app_token,
            web_client=self._client,
            logger=self._client.logger,
            ping_interval=self._ping_seconds,
            proxy=self._client.proxy,
        )
        if self._client.proxy is None:
            client.proxy = None  # else the SDK takes the environment's
        client.wss_uri = address
        client.socket_mode_request_listeners.append(self._take)
        try:
            async with asyncio.timeout(self._connect_seconds):
                await client.connect()  # type: ignore[no-untyped-call]  # the SDK gives no types here
            self._was_open = True
            self.trouble = None
            await self._watch(client)
        finally:
            await self._close(client)

    async def _watch(self, client: SocketModeClient) -> None:
        """Return once the client has been without a connection, or one of its tasks has ended, for two rounds, or
        nothing has come over it for too long.

        The SDK connects anew by itself, but its loop keeps a one-time address for ever, and stalls are known.
        """
        heard = _Heard(client, self._clock)
        strikes = 0
        while strikes < 2:  # noqa: PLR2004 - one round may fall into the SDK's own reconnection
            await asyncio.sleep(self._ping_seconds)
            if (silent := heard.seconds_ago()) >= self._silence_seconds:
                return self._says(f"nothing came over the socket for {silent:.0f} s: the connection is made anew")
            alive = await client.is_connected() and not any(task is None or task.done() for task in _tasks(client))
            strikes = 0 if alive else strikes + 1
        return self._says("the socket has stalled: the connection is made anew")

    def _says(self, trouble: str) -> None:
        if trouble != self.trouble:
            log.warning("Slack: %s", trouble)
        self.trouble = trouble

    async def _take(self, client: AsyncBaseSocketModeClient, request: SocketModeRequest) -> None:
        started = time.time()
        answer = await self._receiver.handle(request.payload, {}, "socket_mode")
        # Anything but a 200 stays without an acknowledgement, and Slack delivers it again.
        await send_async_response(client, request, answer, started)

    async def _close(self, client: SocketModeClient) -> None:
        """Take nothing new, let what is being taken be acknowledged, then end the SDK's tasks."""
        client.socket_mode_request_listeners.clear()
        try:
            async with asyncio.timeout(DRAIN_SECONDS):
                await self._receiver.drained()
        except TimeoutError:
            log.warning("Slack's socket is closed while something is still being stored: it will be delivered again")
        tasks = [task for task in _tasks(client) if task is not None]
        try:
            async with asyncio.timeout(CLOSE_SECONDS):
                await client.close()  # type: ignore[no-untyped-call]  # the SDK gives no types here
        except TimeoutError:
            log.info("Slack's socket is closed without a goodbye: the other side does not answer")
        finally:
            await client.aiohttp_client_session.close()
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)


class _Heard:
    """When anything came over a socket: an event, or the answer to a ping, which the SDK notes by the ping's time."""

    def __init__(self, client: SocketModeClient, clock: Callable[[], float]) -> None:
        self._client = client
        self._clock = clock
        self._at = clock()
        self._pong = client.last_ping_pong_time
        client.on_message_listeners.append(self._message)

    async def _message(self, _: WSMessage) -> None:
        self._at = self._clock()

    def seconds_ago(self) -> float:
        """How long ago it was, as far as the last look tells."""
        if self._client.last_ping_pong_time not in {None, self._pong}:
            self._at = self._clock()
        self._pong = self._client.last_ping_pong_time
        return self._clock() - self._at


def _reason(trouble: Exception) -> str:
    """In plain words, without addresses, which are good for one connection."""
    match trouble:
        case PlatformError():
            return str(trouble)
        case TimeoutError():
            return "Slack does not answer"
        case _:
            return type(trouble).__name__


def _tasks(client: SocketModeClient) -> tuple[asyncio.Future[object] | None, ...]:
    return client.message_processor, client.message_receiver, client.current_session_monitor
