"""The flood budget. Telegram publishes rough numbers only; these are its guidance, with a harsh penalty."""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

from adapters.standins.telegram.refusals import too_many_requests

if TYPE_CHECKING:
    from collections.abc import Callable

ALMOST = 1e-9


@dataclass(frozen=True, slots=True)
class Rate:
    """So many calls at once, then so many a second."""

    burst: int
    per_second: float


@dataclass(frozen=True, slots=True)
class FloodLimits:
    """``private`` and ``group`` are per chat, sends and edits together; the penalty in seconds is a guess."""

    private: Rate = Rate(burst=5, per_second=1.0)
    group: Rate = Rate(burst=20, per_second=20 / 60)
    penalty_seconds: float = 3.0


@dataclass(slots=True)
class _Bucket:
    left: float
    since: float
    blocked_until: float = -math.inf


class FloodBudget:
    """A bucket for each chat. A call during a penalty makes it longer."""

    def __init__(self, limits: FloodLimits | None, now: Callable[[], float]) -> None:
        self._limits = limits
        self._now = now
        self._buckets: dict[int, _Bucket] = {}
        self.refused: Counter[int] = Counter()

    def charge(self, chat_id: int, *, private: bool) -> None:
        """Take one call from the chat's budget. Raises ``Refusal`` (429) where nothing is left."""
        if self._limits is None:
            return
        rate = self._limits.private if private else self._limits.group
        now = self._now()
        bucket = self._buckets.setdefault(chat_id, _Bucket(left=rate.burst, since=now))
        bucket.left = min(float(rate.burst), bucket.left + (now - bucket.since) * rate.per_second)
        bucket.since = now
        if now >= bucket.blocked_until and bucket.left >= 1 - ALMOST:
            bucket.left -= 1
            return
        wait = max((1 - bucket.left) / rate.per_second, self._limits.penalty_seconds)
        bucket.blocked_until = max(now, bucket.blocked_until) + wait
        self.refused[chat_id] += 1
        raise too_many_requests(math.ceil(bucket.blocked_until - now))
