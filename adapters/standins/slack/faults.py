"""Faults of the Web API, played when a test asks for them."""

from __future__ import annotations

import asyncio
from collections import defaultdict, deque
from dataclasses import dataclass, field
from enum import StrEnum


class FaultKind(StrEnum):
    """What goes wrong with a call."""

    RATELIMITED = "ratelimited"
    """429 with ``Retry-After``; nothing was done."""
    SERVER_ERROR = "500"
    """500 without JSON; nothing was done."""
    SERVER_ERROR_AFTER = "500 after acceptance"
    """The call was done, then 500 without JSON."""
    RESET_BEFORE = "reset before acceptance"
    """The connection is cut; nothing was done."""
    RESET_AFTER = "reset after acceptance"
    """The call was done, then the connection is cut before the answer."""
    ERROR = "error"
    """200 with ``ok: false`` and an error's code; nothing was done."""
    SLOW = "slow"
    """The call is done and answered late."""


@dataclass(slots=True)
class Held:
    """A call that waits: ``arrived`` is set once it is here, ``release`` lets it go on."""

    arrived: asyncio.Event = field(default_factory=asyncio.Event)
    _released: asyncio.Event = field(default_factory=asyncio.Event)

    def release(self) -> None:
        """Let the call go on."""
        self._released.set()

    async def wait(self) -> None:
        """Say that the call is here, and return once it may go on."""
        self.arrived.set()
        await self._released.wait()


@dataclass(frozen=True, slots=True)
class Fault:
    """``seconds``: the delay of SLOW, ``Retry-After`` of RATELIMITED. ``error``: the code of ERROR."""

    kind: FaultKind
    error: str = "internal_error"
    seconds: float = 1.0
    held: Held | None = None


class Faults:
    """Which calls will fail, in the order in which they were asked for."""

    def __init__(self) -> None:
        self._next: defaultdict[str, deque[Fault]] = defaultdict(deque)

    def add(self, method: str, fault: Fault) -> None:
        """The next call of the method that has no fault yet gets this one."""
        self._next[method].append(fault)

    def take(self, method: str) -> Fault | None:
        """The fault of this call, if there is one."""
        faults = self._next.get(method)
        return faults.popleft() if faults else None
