"""The wire to the Bot API: python-telegram-bot's request class over aiohttp.

Over aiohttp a call costs a third to a seventh of what it costs over httpx (measured), and httpx writes the address,
which holds the token, into its log. No error raised here carries an address, for the same reason.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit
from urllib.request import getproxies, proxy_bypass

import aiohttp
from telegram import Bot
from telegram.error import NetworkError, TelegramError
from telegram.request import BaseRequest

from adapters.platforms.telegram.whole import whole

if TYPE_CHECKING:
    from collections.abc import Mapping

    from telegram.request import RequestData

_CONNECT_SECONDS = 10.0
_READ_SECONDS = 20.0
_CONNECTIONS = 128
# Telegram's servers cut an idle connection after a minute; a call on a connection that is just being cut has an outcome
# that nobody knows, so ours are given up well before.
_KEEP_ALIVE_SECONDS = 30.0
_PAUSE_WHERE_NONE_IS_NAMED = 5.0

TOO_MANY_REQUESTS = 429
SERVER_ERRORS = 500


class Flood(TelegramError):
    """HTTP 429: pause for ``seconds``. The library's own ``RetryAfter`` warns about its future at each use."""

    def __init__(self, seconds: float) -> None:
        super().__init__(f"pause for {seconds:g} s")
        self.seconds = seconds


class NotSent(NetworkError):
    """No connection was made: nothing was carried out."""


class ServerTrouble(NetworkError):
    """The Bot API itself says that it failed: nothing was carried out."""


class Cut(NetworkError):
    """The connection broke, the answer did not come, or it came from a proxy: nobody knows what was carried out."""


class AiohttpRequest(BaseRequest):
    """Calls the Bot API through one aiohttp session."""

    def __init__(self, read_seconds: float = _READ_SECONDS, api_url: str = "") -> None:
        self._read_seconds = read_seconds
        self._api_url = api_url
        self._session: aiohttp.ClientSession | None = None

    @property
    def read_timeout(self) -> float:
        """Seconds that an answer may take."""
        return self._read_seconds

    async def initialize(self) -> None:
        """Open the session; harmless where it is open."""
        if self._session is None or self._session.closed:
            connector = aiohttp.TCPConnector(limit=_CONNECTIONS, keepalive_timeout=_KEEP_ALIVE_SECONDS)
            self._session = aiohttp.ClientSession(connector=connector, proxy=_proxy_for(self._api_url))

    async def shutdown(self) -> None:
        """Close the session."""
        if self._session is not None:
            await self._session.close()

    async def renew(self) -> None:
        """Close the session with all its connections, and open another: where nothing comes any more, they are dead."""
        await self.shutdown()
        await self.initialize()

    async def do_request(  # noqa: PLR0913, PLR0917 -- the library's signature
        self,
        url: str,
        method: str,
        request_data: RequestData | None = None,
        read_timeout: Any = BaseRequest.DEFAULT_NONE,
        write_timeout: Any = BaseRequest.DEFAULT_NONE,  # noqa: ARG002 -- the library's signature
        connect_timeout: Any = BaseRequest.DEFAULT_NONE,  # noqa: ARG002 -- the library's signature
        pool_timeout: Any = BaseRequest.DEFAULT_NONE,  # noqa: ARG002 -- the library's signature
    ) -> tuple[int, bytes]:
        """One call. Raises ``NotSent``, ``Cut``, ``ServerTrouble`` or ``Flood``; other refusals the library reads."""
        seconds = self._read_seconds if read_timeout in {None, BaseRequest.DEFAULT_NONE} else float(read_timeout)
        data = request_data.parameters if request_data else {}
        status, payload = await self._exchange(url, method, data, seconds)
        if status == TOO_MANY_REQUESTS:
            raise Flood(_pause(payload))
        if status >= SERVER_ERRORS:
            raise ServerTrouble(f"HTTP {status}") if _did_nothing(payload) else Cut(f"HTTP {status}")
        return status, payload

    async def _exchange(self, url: str, method: str, data: Mapping[str, Any], seconds: float) -> tuple[int, bytes]:
        if self._session is None or self._session.closed:
            raise NotSent("the session is closed")
        # ``connect`` covers the wait for a free connection too; ``total`` ends an answer that dribbles for ever.
        timeout = aiohttp.ClientTimeout(
            total=_CONNECT_SECONDS + 2 * seconds, connect=_CONNECT_SECONDS, sock_read=seconds
        )
        try:
            async with self._session.request(method, url, json=data, timeout=timeout) as answer:
                return answer.status, await answer.read()
        except (aiohttp.ClientConnectorError, aiohttp.ConnectionTimeoutError, aiohttp.InvalidURL) as error:
            raise NotSent(type(error).__name__) from None
        except (TimeoutError, aiohttp.ClientError, OSError) as error:
            raise Cut(type(error).__name__) from None

    @staticmethod
    def parse_json_payload(payload: bytes) -> dict[str, Any]:
        """The answer as JSON. The library's own writes what it can't read, so people's words too, into the log."""
        answer = _parsed(payload)
        if not isinstance(answer, dict):
            raise Cut("an answer that is no JSON object")
        return answer


class Api(Bot):
    """The library's bot, and the calls whose answers hold what people wrote, which come unread.

    The library reads such an answer whole. In what it does not know it fails, so that one odd update would hide all
    others of its batch, and a message that is sent already, in reply to an odd one, would count as not sent.
    """

    async def updates(self, offset: int, seconds: int, allowed: list[str]) -> list[Any]:
        """Wait up to ``seconds`` for updates from ``offset`` on; what came before it is confirmed by this call."""
        data = {"offset": offset, "timeout": seconds, "limit": 100, "allowed_updates": allowed}
        updates = await self._post("getUpdates", data, read_timeout=seconds + 15.0)
        if not isinstance(updates, list):
            raise Cut("updates that are no list")
        return updates

    async def send(self, **parameters: Any) -> int:
        """``sendMessage``; returns the message's id."""
        message = await self._post("sendMessage", parameters)
        number = whole(message.get("message_id")) if isinstance(message, dict) else None
        if number is None:
            raise Cut("a message without an id")
        return number

    async def edit(self, **parameters: Any) -> None:
        """``editMessageText``."""
        await self._post("editMessageText", parameters)


def _proxy_for(url: str) -> str | None:
    """The proxy that the environment names for this address, looked up once.

    aiohttp's ``trust_env`` looks it up for each call, in a thread: a call took 670 µs of the processor with it, and
    takes 170 without (measured).
    """
    address = urlsplit(url)
    if proxy_bypass(address.hostname or ""):
        return None
    return getproxies().get(address.scheme)


def _parsed(payload: bytes) -> Any:
    try:
        return json.loads(payload.decode("utf-8", "replace"))
    except (ValueError, RecursionError):
        return None


def _did_nothing(payload: bytes) -> bool:
    """Whether the Bot API itself says that it failed. A server that is ended answers all that it was just doing with
    "Internal Server Error: restart", what it had carried out too (Client.cpp ``get_closing_error``).
    """
    answer = _parsed(payload)
    if not isinstance(answer, dict) or "error_code" not in answer:
        return False
    return not str(answer.get("description", "")).endswith(": restart")


def _pause(payload: bytes) -> float:
    match _parsed(payload):
        case {"parameters": {"retry_after": int() | float() as seconds}} if seconds > 0:
            return float(seconds)
        case _:
            return _PAUSE_WHERE_NONE_IS_NAMED
