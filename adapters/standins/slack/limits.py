"""How much and how often: Slack's limits of length and its rate tiers."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

TEXT_LIMIT = 40_000
"""Characters of a post's ``text``."""
UPDATE_TEXT_LIMIT = 4_000
"""Characters of ``text`` in ``chat.update``, which is stricter than a post (``msg_too_long``, reported many times)."""
MARKDOWN_LIMIT = 12_000
"""Characters of ``markdown_text``, and of each chunk of a stream."""
BLOCKS_LIMIT = 50
SECTION_LIMIT = 3_000
STREAM_SECONDS = 300.0
"""A stream's whole life; appending does not prolong it."""
UNLISTED_HISTORY = 15
"""Messages a call of ``conversations.replies`` and ``.history`` for an app distributed outside the Marketplace."""


@dataclass(frozen=True, slots=True)
class Rate:
    """Calls a minute, how many of them may come at once, and whether each channel has a budget of its own."""

    per_minute: float
    burst: float
    by_channel: bool = False


def tier(per_minute: float) -> Rate:
    """A tier's budget: a minute's calls may come at once."""
    return Rate(per_minute, per_minute)


TIER_2, TIER_3, TIER_4 = tier(20), tier(50), tier(100)
RATES: Mapping[str, Rate] = {
    # Tier 1, but a process may open its ten sockets, and some of them anew.
    "apps.connections.open": Rate(1, 20),
    # About one a second and channel; short bursts pass.
    "chat.postMessage": Rate(60, 5, by_channel=True),
    "chat.postEphemeral": TIER_4,
    "chat.update": TIER_3,
    "chat.delete": TIER_3,
    "chat.startStream": TIER_2,
    "chat.appendStream": TIER_4,
    "chat.stopStream": TIER_2,
    "conversations.replies": TIER_3,
    "conversations.history": TIER_3,
    "conversations.info": TIER_3,
    "conversations.open": TIER_3,
    "users.info": TIER_4,
    "reactions.add": TIER_3,
    "agents.sessions.setStatus": TIER_3,
    "assistant.threads.setStatus": tier(600),
    "auth.test": tier(600),
    "api.test": TIER_4,
}
UNLISTED_RATES: Mapping[str, Rate] = {"conversations.replies": tier(1), "conversations.history": tier(1)}


@dataclass(slots=True)
class _Bucket:
    tokens: float
    at: float


@dataclass(slots=True)
class Buckets:
    """One token bucket for each method, or for each method and channel."""

    rates: Mapping[str, Rate]
    clock: Callable[[], float]
    _buckets: dict[tuple[str, str], _Bucket] = field(default_factory=dict)

    def take(self, method: str, channel: str) -> int:
        """0 where the call may go on, else the whole seconds until it may (``Retry-After``)."""
        rate = self.rates.get(method)
        if rate is None:
            return 0
        now = self.clock()
        key = (method, channel if rate.by_channel else "")
        bucket = self._buckets.setdefault(key, _Bucket(rate.burst, now))
        bucket.tokens = min(rate.burst, bucket.tokens + (now - bucket.at) * rate.per_minute / 60)
        bucket.at = now
        if bucket.tokens >= 1:
            bucket.tokens -= 1
            return 0
        return max(1, math.ceil((1 - bucket.tokens) * 60 / rate.per_minute))
