"""Calls of Slack's Web API: one client, and every way in which a call can fail as one of our errors."""

from __future__ import annotations

import logging
import re
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

import aiohttp
from slack_sdk.errors import SlackApiError
from slack_sdk.web.async_client import AsyncWebClient

from conversation.errors import (
    MessageGone,
    OutcomeUnknown,
    PlatformError,
    PlatformUnreachable,
    TooFast,
    Undeliverable,
)

if TYPE_CHECKING:
    from collections.abc import Awaitable

    from slack_sdk.web.async_slack_response import AsyncSlackResponse

log = logging.getLogger(__name__)

TIMEOUT_SECONDS: Final = 30.0
DEFAULT_PAUSE_SECONDS: Final = 30.0
"""Where a 429 carries no ``Retry-After``."""

_TOKEN = {"invalid_auth", "not_allowed_token_type", "not_authed", "token_expired", "token_revoked"}
_ACCESS = {"access_denied", "missing_scope", "no_permission", "org_login_required"}
_TROUBLE = {"fatal_error", "internal_error", "request_timeout", "service_unavailable", "team_added_to_org"}
_GONE = {"cant_update_message", "edit_window_closed", "message_not_found"}
_NOBODY_THERE = {
    "account_inactive",
    "cannot_dm_bot",
    "cannot_reply_to_message",
    "channel_not_found",
    "ekm_access_denied",
    "is_archived",
    "is_inactive",
    "messages_tab_disabled",
    "not_in_channel",
    "team_access_not_granted",
    "thread_not_found",
    "user_disabled",
    "user_is_restricted",
    "user_not_found",
}
_NOT_SENT = (aiohttp.ClientConnectorError, aiohttp.ConnectionTimeoutError, aiohttp.InvalidURL)
_SECRET = re.compile(r"xox[a-z]-[\w-]+|xapp-[\w-]+|(?<=ticket=)[^&\s'\"]+")


class Refused(PlatformError):
    """Slack said no, with a code that only the caller can judge. Nothing was carried out."""

    def __init__(self, error: str) -> None:
        super().__init__(f"Slack answers {error}")
        self.error = error


class TokenRefused(PlatformUnreachable):
    """Slack does not take the token. ``error`` is Slack's code."""

    def __init__(self, error: str) -> None:
        super().__init__(f"Slack refuses the token: {error}")
        self.error = error


async def ask(request: Awaitable[AsyncSlackResponse], *, creates: bool = False) -> AsyncSlackResponse:
    """Wait for the answer. ``creates``: done twice, the call would show something twice.

    Raises ``TooFast``, ``Undeliverable``, ``MessageGone``, ``PlatformUnreachable``, ``Refused``, and where ``creates``
    ``OutcomeUnknown`` once the call may have been carried out.
    """
    try:
        return await request
    except SlackApiError as refusal:
        error = _refusal(refusal, creates=creates)
    except _NOT_SENT as trouble:
        error = PlatformUnreachable(f"Slack can't be reached: {type(trouble).__name__}")
    except (aiohttp.ClientError, OSError) as trouble:  # TimeoutError is an OSError
        error = _cut(type(trouble).__name__, creates=creates)
    # Without its cause: the SDK's error carries the whole answer, which can hold what people wrote.
    raise error


def _cut(what: str, *, creates: bool) -> PlatformError:
    if creates:
        return OutcomeUnknown(f"the call to Slack was cut: {what}")
    return PlatformUnreachable(f"Slack has trouble: {what}")


def _refusal(refusal: SlackApiError, *, creates: bool) -> PlatformError:
    status, data, headers = _parts(refusal.response)
    error = str(data.get("error") or f"HTTP {status}")
    if status == 429 or error in {"ratelimited", "rate_limited"}:  # noqa: PLR2004 - HTTP's Too Many Requests
        return TooFast(_seconds(headers.get("Retry-After")))
    if error in _TROUBLE or status >= 500:  # noqa: PLR2004 - HTTP's server errors
        return _cut(error, creates=creates)
    if error in _TOKEN | _ACCESS:
        log.error("Slack refuses the token or one of its rights: %s", error)
        return TokenRefused(error) if error in _TOKEN else PlatformUnreachable(f"Slack refuses: {error}")
    if error in _GONE:
        return MessageGone(error)
    if error in _NOBODY_THERE or error.startswith("restricted_action"):
        return Undeliverable(error)
    return Refused(error)


def _parts(response: Any) -> tuple[int, dict[str, Any], Any]:
    """Status, JSON and headers: the SDK hands on its own response, or aiohttp's where the answer was no JSON."""
    if isinstance(response, aiohttp.ClientResponse):
        return response.status, {}, response.headers
    data = response.data if isinstance(response.data, dict) else {}
    return int(response.status_code), data, response.headers


def _seconds(retry_after: str | None) -> float:
    try:
        return max(1.0, float(retry_after)) if retry_after else DEFAULT_PAUSE_SECONDS
    except ValueError:
        return DEFAULT_PAUSE_SECONDS


class _Scrub(logging.Filter):
    """Tokens and one-time addresses out of what the SDK logs, and its tracebacks, which hold whole answers."""

    def filter(self, record: logging.LogRecord) -> bool:
        record.msg = _SECRET.sub("…", record.getMessage().partition("\nThe server responded with")[0])
        record.args = None
        record.exc_info = None
        record.exc_text = None
        return True


def quiet_logger() -> logging.Logger:
    """The logger for slack-sdk and bolt: warnings only (below, they log message texts), scrubbed of secrets."""
    logger = logging.getLogger(f"{__name__}.sdk")
    logger.setLevel(logging.WARNING)
    if not any(isinstance(known, _Scrub) for known in logger.filters):
        logger.addFilter(_Scrub())
    return logger


def web_client(token: str, api_url: str | None, session: aiohttp.ClientSession) -> AsyncWebClient:
    """The SDK's client on a shared session. It never repeats a call by itself: a post could appear twice."""
    client = AsyncWebClient(
        token=token,
        base_url=api_url or AsyncWebClient.BASE_URL,
        session=session,
        retry_handlers=[],
        logger=quiet_logger(),
    )
    if is_local(api_url):
        client.proxy = None  # the SDK takes the proxy of the environment, whatever NO_PROXY says
    return client


def is_local(url: str | None) -> bool:
    """Whether the address is on this machine."""
    return urlsplit(url or "").hostname in {"localhost", "127.0.0.1", "::1"}


def new_session() -> aiohttp.ClientSession:
    """The session that all calls share."""
    return aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=TIMEOUT_SECONDS, sock_connect=10))
