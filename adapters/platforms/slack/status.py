"""The line under a thread that shows that we are at it. It is never needed: every failure is harmless."""

from __future__ import annotations

import time
from collections import OrderedDict
from typing import TYPE_CHECKING, Final

from adapters.platforms.slack.calls import Refused, ask
from adapters.platforms.slack.texts import Text, say
from conversation.errors import PlatformError

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from slack_sdk.web.async_client import AsyncWebClient
    from slack_sdk.web.async_slack_response import AsyncSlackResponse

    from conversation.messages import ConversationKey
    from conversation.places import Place

_AGAIN_SECONDS: Final = 60.0
"""Slack takes the older kind of line away after two minutes."""
_MOST: Final = 5_000


class Status:
    """The agent's session where the app is an agent (with Slack's stop button), else the older assistant's line."""

    def __init__(self, client: AsyncWebClient, clock: Callable[[], float] = time.monotonic) -> None:
        self._client = client
        self._clock = clock
        self._is_agent = True
        self._shown: OrderedDict[ConversationKey, float] = OrderedDict()

    async def at_it(self, place: Place, locale: str | None) -> None:
        """Show it, at most once in a while."""
        if self._clock() - self._shown.get(place.conversation, -_AGAIN_SECONDS) < _AGAIN_SECONDS:
            return
        self._shown[place.conversation] = self._clock()
        while len(self._shown) > _MOST:
            self._shown.popitem(last=False)
        await self._set(place, "processing", say(Text.WRITING, locale))

    async def done(self, place: Place, *, by_stream: bool) -> None:
        """Take it away, where the end of a stream does not do that by itself."""
        if self._shown.pop(place.conversation, None) is not None and not by_stream:
            await self._set(place, "active", "")

    async def _set(self, place: Place, session: str, line: str) -> None:
        channel, thread = place.conversation.channel, place.conversation.thread
        if self._is_agent:
            call = self._client.agents_sessions_setStatus(channel_id=channel, thread_ts=thread, status=session)
            refusal = await _harmless(call)
            self._is_agent = refusal is None
        if not self._is_agent:
            await _harmless(self._client.assistant_threads_setStatus(channel_id=channel, thread_ts=thread, status=line))


async def _harmless(call: Awaitable[AsyncSlackResponse]) -> Refused | None:
    try:
        await ask(call)
    except Refused as refusal:
        return refusal
    except PlatformError:
        return None
    return None
