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
_SET_BACK: Final = float("-inf")
"""When it was shown last, where it was taken away since then."""


class Status:
    """The agent's session where the app is an agent (with Slack's stop button), else the older assistant's line."""

    def __init__(self, client: AsyncWebClient, clock: Callable[[], float] = time.monotonic) -> None:
        self._client = client
        self._clock = clock
        self._is_agent = True
        self._shown: OrderedDict[ConversationKey, float] = OrderedDict()

    async def at_it(self, place: Place, locale: str | None) -> None:
        """Show it, at most once in a while."""
        if self._clock() - self._shown.get(place.conversation, _SET_BACK) < _AGAIN_SECONDS:
            return
        self._remember(place, self._clock())
        await self._set(place, "processing", say(Text.WRITING, locale))

    async def done(self, place: Place, *, by_stream: bool, inherited: bool = False) -> None:
        """Take it away, where the end of a stream does not do that by itself.

        ``inherited``: another process wrote the answer before us, and may have left it behind.
        """
        shown = self._shown.get(place.conversation)
        self._remember(place, _SET_BACK)
        if not by_stream and shown != _SET_BACK and (inherited or shown is not None):
            await self._set(place, "active", "")

    def _remember(self, place: Place, at: float) -> None:
        self._shown[place.conversation] = at
        self._shown.move_to_end(place.conversation)
        while len(self._shown) > _MOST:
            self._shown.popitem(last=False)

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
