"""The methods that write, each paced, each with the errors that its caller can act on."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from adapters.platforms.slack.calls import Refused, ask
from adapters.platforms.slack.formatting import PLACEHOLDER
from adapters.platforms.slack.pacing import Tier
from conversation.errors import TooFast, Undeliverable

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from slack_sdk.web.async_client import AsyncWebClient
    from slack_sdk.web.async_slack_response import AsyncSlackResponse

    from adapters.platforms.slack.pacing import Pacer
    from conversation.places import Place

    _Method = Callable[..., Awaitable[AsyncSlackResponse]]

EVENT_TYPE: Final = "plausch_answer"
"""The metadata's type, by which our own messages are known again."""

_STREAM_OVER: Final = frozenset({"message_not_in_streaming_state", "stopped_by_user"})
_STREAM_OPEN: Final = "streaming_state_conflict"
_NO_STREAMS: Final = frozenset({"unknown_method", "feature_not_enabled"})


class Methods:
    """Writes into one workspace. ``send_id`` is "" where it is not known any more."""

    def __init__(self, client: AsyncWebClient, pacer: Pacer) -> None:
        self._client = client
        self._pacer = pacer
        self._has_streams = True

    def may_start(self) -> bool:
        """Whether a stream may be started now. Takes its place in the budget."""
        return self._has_streams and self._pacer.bucket(Tier.START).try_take()

    async def start(self, place: Place, home_team: str) -> str | None:
        """``chat.startStream``: the message's ``ts``; None where Slack wants none there. It takes no metadata."""
        call = self._client.chat_startStream(
            channel=place.conversation.channel,
            thread_ts=place.conversation.thread,
            recipient_user_id=None if place.direct else place.person,
            recipient_team_id=None if place.direct else home_team,
        )
        try:
            answer = await ask(call, creates=True)
        except TooFast as pause:
            self._pacer.bucket(Tier.START).pause(pause.seconds)
            return None
        except Refused as refusal:
            self._has_streams = refusal.error not in _NO_STREAMS
            return None
        except Undeliverable:
            return None  # it may mean the recipient only: a post will tell
        return str(answer["ts"])

    async def post(self, place: Place, send_id: str) -> str:
        """``chat.postMessage`` of the placeholder: the message's ``ts``."""
        bucket = self._pacer.bucket(Tier.POST, place.conversation.channel)
        await bucket.take(last=False)
        call = self._client.chat_postMessage(
            channel=place.conversation.channel,
            thread_ts=place.conversation.thread,
            markdown_text=PLACEHOLDER,
            metadata=_metadata(place, send_id),
            unfurl_links=False,
            unfurl_media=False,
        )
        try:
            answer = await ask(call, creates=True)
        except TooFast as pause:
            bucket.pause(pause.seconds)
            raise
        return str(answer["ts"])

    async def append(self, place: Place, ts: str, text: str) -> bool:
        """``chat.appendStream``; False where the stream is over."""
        return await self._on_stream(place, Tier.APPEND, self._client.chat_appendStream, ts=ts, markdown_text=text)

    async def stop(self, place: Place, ts: str, text: str = "", send_id: str = "") -> bool:
        """``chat.stopStream`` with this text behind what is shown; False where the stream was over before."""
        arguments = {"ts": ts, "markdown_text": text or None, "metadata": _metadata(place, send_id)}
        return await self._on_stream(place, Tier.STOP, self._client.chat_stopStream, **arguments)

    async def update(self, place: Place, ts: str, text: str, send_id: str = "") -> None:
        """``chat.update`` to the whole text. A stream that is open against all knowledge is ended first."""
        arguments = {"ts": ts, "markdown_text": text, "metadata": _metadata(place, send_id), "link_names": False}
        try:
            await self._paced(place, Tier.UPDATE, self._client.chat_update, **arguments)
        except Refused as refusal:
            if refusal.error != _STREAM_OPEN:
                raise
            await self.stop(place, ts, send_id=send_id)
            await self._paced(place, Tier.UPDATE, self._client.chat_update, **arguments)

    async def delete(self, place: Place, ts: str) -> None:
        """``chat.delete``, which shares its tier with ``chat.update``."""
        await self._paced(place, Tier.UPDATE, self._client.chat_delete, ts=ts)

    async def _on_stream(self, place: Place, tier: Tier, method: _Method, **arguments: Any) -> bool:
        try:
            await self._paced(place, tier, method, **arguments)
        except Refused as refusal:
            if refusal.error not in _STREAM_OVER:
                raise
            return False
        return True

    async def _paced(self, place: Place, tier: Tier, method: _Method, **arguments: Any) -> None:
        await self._pacer.spend(place.conversation, tier)
        try:
            await ask(method(channel=place.conversation.channel, **arguments))
        except TooFast as pause:
            self._pacer.bucket(tier).pause(pause.seconds)
            raise


def _metadata(place: Place, send_id: str) -> dict[str, Any]:
    """What makes a message findable: it belongs to this turn and, where that is known, is this send."""
    payload = {"turn": place.turn_id} | ({"send": send_id} if send_id else {})
    return {"event_type": EVENT_TYPE, "event_payload": payload}
