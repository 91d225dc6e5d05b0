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
from conversation.errors import PlatformError, TooFast

if TYPE_CHECKING:
    from slack_sdk.socket_mode.async_client import AsyncBaseSocketModeClient
    from slack_sdk.socket_mode.request import SocketModeRequest
    from slack_sdk.web.async_client import AsyncWebClient

    from adapters.platforms.slack.receive import Receiver

log = logging.getLogger(__name__)

PING_SECONDS: Final = 10.0
CONNECT_SECONDS: Final = 20.0
DRAIN_SECONDS: Final = 3.0
"""Slack waits this long for an acknowledgement."""
FIRST_PAUSE_SECONDS: Final = 1.0
_LONGEST_PAUSE: Final = 30.0


class SocketMode:
    """One connection to Slack, kept up."""

    def __init__(
        self,
        receiver: Receiver,
        client: AsyncWebClient,
        app_token: str,
        *,
        ping_seconds: float = PING_SECONDS,
        first_pause: float = FIRST_PAUSE_SECONDS,
    ) -> None:
        self._receiver = receiver
        self._client = client
        self._app_token = app_token
        self._ping_seconds = ping_seconds
        self._first_pause = first_pause

    async def run(self) -> None:
        """Receive until cancelled. Raises ``SettingWrong`` where Slack refuses the app token."""
        pause = self._first_pause
        while True:
            try:
                await self._connected(await open_socket(self._client, self._app_token))
                pause = self._first_pause
            except TooFast as limit:
                pause = max(pause, limit.seconds)
            except (PlatformError, TimeoutError, OSError, SlackClientError) as trouble:
                log.warning("Slack's socket can't be opened: %s", type(trouble).__name__)
            await asyncio.sleep(pause)
            pause = min(_LONGEST_PAUSE, pause * 2)

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
            async with asyncio.timeout(CONNECT_SECONDS):
                await client.connect()  # type: ignore[no-untyped-call]  # the SDK gives no types here
            await self._watch(client)
        finally:
            await self._close(client)

    async def _watch(self, client: SocketModeClient) -> None:
        """Return once the client has been without a connection, or one of its tasks has ended, for two rounds.

        The SDK connects anew by itself, but its loop keeps a one-time address for ever, and stalls are known.
        """
        strikes = 0
        while strikes < 2:  # noqa: PLR2004 - one round may fall into the SDK's own reconnection
            await asyncio.sleep(self._ping_seconds)
            alive = await client.is_connected() and not any(task is None or task.done() for task in _tasks(client))
            strikes = 0 if alive else strikes + 1
        log.warning("Slack's socket has stalled: a new one is opened")

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
            await client.close()  # type: ignore[no-untyped-call]  # the SDK gives no types here
        finally:
            await asyncio.gather(*tasks, return_exceptions=True)


def _tasks(client: SocketModeClient) -> tuple[asyncio.Future[object] | None, ...]:
    return client.message_processor, client.message_receiver, client.current_session_monitor
