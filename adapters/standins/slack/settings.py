"""How the stand-in is set up."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from adapters.standins.slack.limits import RATES, STREAM_SECONDS, Rate

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

SUBSCRIPTIONS = frozenset({"app_mention", "message.im", "app_home_opened", "agent_session_stopped"})
"""What an app in the agent view subscribes to."""
ALL_SUBSCRIPTIONS = SUBSCRIPTIONS | {"message.channels", "message.groups"}
"""With the rooms' messages too: then a mention arrives twice."""
ALL_SCOPES = frozenset(
    {
        "app_mentions:read",
        "assistant:write",
        "channels:history",
        "channels:read",
        "chat:write",
        "commands",
        "groups:history",
        "groups:read",
        "im:history",
        "im:read",
        "im:write",
        "reactions:write",
        "users:read",
    }
)
RETRY_DELAYS = (0.0, 60.0, 300.0)
"""Seconds before the first, second and third redelivery of an event."""


@dataclass(kw_only=True, eq=False)
class Settings:
    """All that can be set; seconds everywhere."""

    bot_token: str = field(default="xoxb-stand-in", repr=False)
    app_token: str = field(default="xapp-stand-in", repr=False)
    signing_secret: str = field(default="stand-in-secret", repr=False)
    events_url: str | None = None
    """Where events, commands and presses are posted to; None: Socket Mode. It may be set later."""
    port: int = 0
    """0: the system picks one."""
    clock: Callable[[], float] = field(default=time.time)
    """Seconds since 1970, for message times, rates and the life of streams; deliveries keep to real time."""
    app_name: str = "plausch"
    scopes: frozenset[str] = ALL_SCOPES
    subscriptions: frozenset[str] = SUBSCRIPTIONS
    rates: Mapping[str, Rate] = field(default_factory=lambda: RATES)
    unlisted: bool = False
    """The app is distributed outside the Marketplace: reading history is limited to one call a minute, 15 messages."""
    stream_seconds: float = STREAM_SECONDS
    acknowledge_within: float = 3.0
    retry_scale: float = 1.0
    """What the delays before redeliveries (0, 60, 300) are multiplied by."""
    ping_seconds: float = 30.0
    """How often a socket is pinged."""
