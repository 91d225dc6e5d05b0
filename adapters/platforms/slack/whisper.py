"""Saying something to one person alone, beside the answers. It is never needed: every failure is harmless."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Self

from adapters.platforms.slack.calls import ask
from conversation.errors import PlatformError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from slack_sdk.web.async_client import AsyncWebClient


@dataclass(frozen=True, slots=True)
class Where:
    """Whom to say it to, and where. ``thread`` is "" outside of one."""

    channel: str
    person: str
    thread: str

    @classmethod
    def of_press(cls, body: Mapping[str, Any]) -> Self | None:
        """Where somebody pressed a button; None where the body does not tell."""
        match body:
            case {"user": {"id": str(person)}, "container": {"channel_id": str(channel)} as container}:
                return cls(channel, person, str(container.get("thread_ts") or ""))
        return None


class Whisper:
    """``chat.postEphemeral``. A press's own ``response_url`` could do it too, but is an address from outside."""

    def __init__(self, client: AsyncWebClient) -> None:
        self._client = client

    async def __call__(self, where: Where, text: str) -> None:
        """Say it, once. Raises nothing."""
        call = self._client.chat_postEphemeral(
            channel=where.channel, user=where.person, thread_ts=where.thread or None, text=text
        )
        with contextlib.suppress(PlatformError):
            await ask(call)
