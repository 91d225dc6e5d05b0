"""What is delivered to the app, and how it is repeated."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from adapters.standins.slack.records import Change, ChangeKind, Delivery, Outcome

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Sequence

    from adapters.standins.slack.model import Json
    from adapters.standins.slack.watching import Watch

EVENT, COMMAND, PRESS = "event_callback", "slash_commands", "interactive"
SOCKET_LOST = "socket_lost"
"""Not one of Slack's reasons: the socket dropped before the acknowledgement, the next one gets it at once."""


@dataclass(frozen=True, slots=True)
class Parcel:
    """Something to deliver; ``id`` is the event's or the trigger's."""

    kind: str
    payload: Json
    id: str
    event_type: str
    ts: str = ""


class Carrier(Protocol):
    """A way to the app."""

    async def carry(self, parcel: Parcel, attempt: int, reason: str) -> Outcome:
        """One attempt; ``reason`` is why the one before failed, "" for the first."""


class Deliveries:
    """Delivers in loose tasks, in no promised order, and repeats events (only those) that nobody acknowledged."""

    def __init__(
        self, carrier: Callable[[], Carrier], watch: Watch, clock: Callable[[], float], delays: Sequence[float]
    ) -> None:
        self._carrier = carrier
        self._watch = watch
        self._clock = clock
        self._delays = delays
        self._tasks: set[asyncio.Task[Any]] = set()
        self._events: list[Parcel] = []
        self.log: list[Delivery] = []

    def send_event(self, payload: Json) -> None:
        """Deliver an event, with redeliveries, behind the caller's back."""
        event = payload["event"]
        about = event.get("message", event).get("ts", "")
        parcel = Parcel(EVENT, payload, payload["event_id"], event["type"], about)
        self._events.append(parcel)
        self._start(self._until_acknowledged(parcel, attempt=0, reason=""))

    def repeat(self, ts: str) -> int:
        """Deliver all events about this message once more, as after an acknowledgement that got lost."""
        again = [parcel for parcel in self._events if parcel.ts == ts]
        for parcel in again:
            self._start(self._until_acknowledged(parcel, attempt=1, reason="http_timeout"))
        return len(again)

    async def send_once(self, parcel: Parcel) -> Outcome:
        """Deliver a command or a press: Slack never repeats those."""
        return await self._attempt(parcel, 0, "")

    async def close(self) -> None:
        """Give up what is not delivered yet."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def _start(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _until_acknowledged(self, parcel: Parcel, attempt: int, reason: str) -> None:
        delays = list(self._delays)
        while True:
            outcome = await self._attempt(parcel, attempt, reason)
            attempt, reason = attempt + 1, outcome.reason
            if outcome.acknowledged or outcome.retry_forbidden:
                return
            if reason == SOCKET_LOST:
                continue
            if not delays:
                return
            await asyncio.sleep(delays.pop(0))

    async def _attempt(self, parcel: Parcel, attempt: int, reason: str) -> Outcome:
        outcome = await self._carrier().carry(parcel, attempt, reason)
        at = self._clock()
        self.log.append(
            Delivery(
                kind=parcel.kind,
                event_id=parcel.id,
                event_type=parcel.event_type,
                ts=parcel.ts,
                attempt=attempt,
                outcome=outcome,
                at=at,
            )
        )
        self._watch.tell(Change(kind=ChangeKind.ACKNOWLEDGED, at=at, ts=parcel.ts, text=outcome.reason))
        return outcome
