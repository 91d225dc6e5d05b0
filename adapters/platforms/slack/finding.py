"""Finding a message again whose sending was cut."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from adapters.platforms.slack.calls import Refused, ask
from adapters.platforms.slack.methods import EVENT_TYPE
from conversation.errors import MessageGone, Undeliverable

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from slack_sdk.web.async_client import AsyncWebClient

    from adapters.platforms.slack.account import Account
    from conversation.places import Place

_PAGES: Final = 4
_PAGE: Final = 100
"""Messages a page; Slack gives 15 to apps that are distributed outside its Marketplace."""


async def find(
    client: AsyncWebClient, account: Account, place: Place, send_id: str, is_known: Callable[[str], bool]
) -> str | None:
    """The ``ts`` of the message that was sent with this id, or of a stream that was begun and is known to nobody.

    A stream carries no metadata before its end. So our own newest message behind the question that carries none, and
    that ``is_known`` does not know, is the stream whose start was cut.
    """
    thread = await _thread(client, place)
    for message in thread:
        if _payload(message).get("send") == send_id:
            return str(message["ts"])
    begun = [
        str(message["ts"])
        for message in thread
        if message.get("user") == account.bot_user and not _payload(message) and not is_known(str(message["ts"]))
    ]
    return begun[-1] if begun else None


async def _thread(client: AsyncWebClient, place: Place) -> Sequence[dict[str, Any]]:
    """What came behind the question in its thread, oldest first, as far as a few pages go."""
    found: list[dict[str, Any]] = []
    cursor = None
    for _ in range(_PAGES):
        call = client.conversations_replies(
            channel=place.conversation.channel,
            ts=place.conversation.thread,
            oldest=place.reply_to or None,
            include_all_metadata=True,
            limit=_PAGE,
            cursor=cursor,
        )
        try:
            answer = await ask(call)
        except (Refused, Undeliverable, MessageGone):
            return []
        found += [message for message in answer.get("messages") or [] if _is_behind(message, place)]
        cursor = (answer.get("response_metadata") or {}).get("next_cursor")
        if not cursor:
            break
    return found


def _is_behind(message: dict[str, Any], place: Place) -> bool:
    """Slack gives the thread's first message with every page, however old it is."""
    question = place.reply_to or place.conversation.thread
    return _order(str(message.get("ts", "0"))) > _order(question)


def _order(ts: str) -> tuple[int, int]:
    seconds, _, fraction = ts.partition(".")
    return int(seconds or 0), int(fraction or 0)


def _payload(message: dict[str, Any]) -> dict[str, Any]:
    metadata = message.get("metadata") or {}
    if metadata.get("event_type") != EVENT_TYPE:
        return {}
    return dict(metadata.get("event_payload") or {})
