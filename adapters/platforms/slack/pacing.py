"""Slack's limits as facts, and who may write when: one token bucket a workspace and tier of methods."""

from __future__ import annotations

import asyncio
import time
from bisect import bisect_left, insort
from collections import OrderedDict
from dataclasses import dataclass, field
from enum import Enum
from itertools import count
from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Hashable, Iterator

Clock: TypeAlias = "Callable[[], float]"
Sleep: TypeAlias = "Callable[[float], Awaitable[object]]"


class Tier(Enum):
    """Calls a minute: of a workspace, posts of a channel. Source: docs.slack.dev/apis/web-api/rate-limits."""

    START = ("chat.startStream", 20)
    STOP = ("chat.stopStream", 20)
    UPDATE = ("chat.update", 50)
    APPEND = ("chat.appendStream", 100)
    POST = ("chat.postMessage", 60)

    @property
    def per_minute(self) -> int:
        """Calls a minute."""
        return int(self.value[1])


@dataclass(slots=True)
class Bucket:
    """Tokens for one tier. In no minute more calls go out than the tier allows: a quarter at once, the rest evenly."""

    tier: Tier
    clock: Clock
    sleep: Sleep
    _tokens: float = field(init=False)
    _at: float = field(init=False)
    _paused_until: float = field(init=False, default=0.0)
    _waiting: list[tuple[bool, int]] = field(init=False, default_factory=list)
    _numbers: Iterator[int] = field(init=False, default_factory=count)

    def __post_init__(self) -> None:
        self._tokens, self._at = self.burst, self.clock()

    @property
    def burst(self) -> float:
        """Calls that may go out at once."""
        return max(1.0, self.tier.per_minute // 4)

    @property
    def per_second(self) -> float:
        """Calls a second, evenly."""
        return (self.tier.per_minute - self.burst) / 60

    @property
    def idle(self) -> bool:
        """Nobody waits, and all tokens are there: forgetting the bucket changes nothing."""
        return not self._waiting and self._filled() >= self.burst and self.clock() >= self._paused_until

    def try_take(self) -> bool:
        """Take a token if one is there and nobody waits for it."""
        if self._waiting or self._seconds_until(1) > 0:
            return False
        self._tokens -= 1
        return True

    async def take(self, *, last: bool) -> None:
        """Return when the call may go out. Last writes go before others, each kind in the order it came."""
        ticket = (not last, next(self._numbers))
        insort(self._waiting, ticket)
        try:
            while (seconds := self._seconds_until(bisect_left(self._waiting, ticket) + 1)) > 0:
                await self.sleep(seconds)
            self._tokens -= 1
        finally:
            self._waiting.remove(ticket)

    def pause(self, seconds: float) -> None:
        """Slack asked for a pause (``Retry-After``)."""
        self._tokens = min(self._filled(), 1.0)
        self._paused_until = max(self._paused_until, self.clock() + seconds)

    def _seconds_until(self, tokens: int) -> float:
        missing = (tokens - self._filled()) / self.per_second
        wait = max(missing, self._paused_until - self.clock(), 0.0)
        return wait if wait > 1e-9 else 0.0  # noqa: PLR2004 - below, it is the rounding of floats

    def _filled(self) -> float:
        now = self.clock()
        self._tokens = min(self.burst, self._tokens + (now - self._at) * self.per_second)
        self._at = now
        return self._tokens


class Pacer:
    """The buckets of one workspace, and the interval at which an answer is written on."""

    def __init__(self, clock: Clock = time.monotonic, sleep: Sleep = asyncio.sleep) -> None:
        self._clock = clock
        self._sleep = sleep
        self._buckets: dict[tuple[Tier, str], Bucket] = {}
        self._written: OrderedDict[Hashable, float] = OrderedDict()
        self._reserved: dict[Hashable, Tier] = {}

    def bucket(self, tier: Tier, channel: str = "") -> Bucket:
        """The bucket of a tier; posts have one for each channel."""
        key = (tier, channel if tier is Tier.POST else "")
        if (found := self._buckets.get(key)) is not None:
            return found
        self._buckets = {other: bucket for other, bucket in self._buckets.items() if not bucket.idle}
        return self._buckets.setdefault(key, Bucket(tier, self._clock, self._sleep))

    async def reserve(self, answer: Hashable, tier: Tier, *, last: bool, under_way: int) -> None:
        """Return when ``answer`` may be written on; its next call in this tier goes out at once.

        What is not the last write waits for the answer's interval first: it grows with the number of answers
        ``under_way``, so that together they stay within the tier.
        """
        bucket = self.bucket(tier)
        if not last:
            interval = max(1, under_way) / bucket.per_second
            since = self._clock() - self._written.get(answer, -interval)
            if since < interval:
                await self._sleep(interval - since)
        if self._reserved.get(answer) is not tier:
            await bucket.take(last=last)
        self._reserved[answer] = tier
        self._note(answer, under_way)

    async def spend(self, answer: Hashable, tier: Tier) -> None:
        """Take what was reserved for this tier; where nothing was, wait before others."""
        if self._reserved.pop(answer, None) is not tier:
            await self.bucket(tier).take(last=True)

    def _note(self, answer: Hashable, under_way: int) -> None:
        self._written[answer] = self._clock()
        self._written.move_to_end(answer)
        while len(self._written) > max(64, 2 * under_way):
            forgotten, _ = self._written.popitem(last=False)
            self._reserved.pop(forgotten, None)
