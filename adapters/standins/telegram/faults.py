"""Faults that a test or the sandbox's owner asks for."""

from __future__ import annotations

from collections import defaultdict, deque
from dataclasses import dataclass
from enum import StrEnum

from adapters.standins.telegram.refusals import Refusal, bad_request, forbidden, too_many_requests


class FaultKind(StrEnum):
    """What goes wrong. The three last ones happen after the call did its work: the caller can't know that it did."""

    TOO_MANY_REQUESTS = "429"
    SERVER_ERROR = "500"
    BAD_GATEWAY = "502"
    FORBIDDEN = "403"
    BAD_REQUEST = "400"
    MIGRATE = "migrate"
    RESET_BEFORE = "reset_before"
    SERVER_ERROR_AFTER = "500_after"
    """The server is ended: it says so to all that it was just doing, and to what it had done (Client.cpp)."""
    RESET_AFTER = "reset_after"
    SLOW = "slow"


@dataclass(frozen=True, slots=True)
class Fault:
    """``seconds`` is the 429's pause or how long a slow answer takes; ``text`` follows "Bad Request: " and the like."""

    kind: FaultKind
    seconds: float = 3.0
    text: str = ""

    def refusal(self) -> Refusal | None:
        """The answer in the Bot API's shape, where it is one."""
        match self.kind:
            case FaultKind.TOO_MANY_REQUESTS:
                return too_many_requests(int(self.seconds))
            case FaultKind.SERVER_ERROR:
                return Refusal(500, "Internal Server Error")
            case FaultKind.FORBIDDEN:
                return forbidden(self.text or "bot was blocked by the user")
            case FaultKind.BAD_REQUEST:
                return bad_request(self.text or "message thread not found")
            case _:
                return None


class Faults:
    """What the next calls of each method meet."""

    def __init__(self) -> None:
        self._next: defaultdict[str, deque[Fault]] = defaultdict(deque)

    def add(self, method: str, fault: Fault, times: int) -> None:
        """The next so many calls of this method meet this fault."""
        self._next[method.lower()].extend([fault] * times)

    def take(self, method: str) -> Fault | None:
        """What this call meets."""
        waiting = self._next[method.lower()]
        return waiting.popleft() if waiting else None
