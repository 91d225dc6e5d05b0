"""The log of updates, and who has fetched how far."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING

from adapters.standins.telegram.refusals import Json, conflict

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from adapters.standins.telegram.changes import Changes

KEPT_SECONDS = 86_400
LONGEST_POLL_SECONDS = 50
LIMIT_AT_ONCE_SECONDS = 0.5
ALL_KINDS = frozenset(
    [
        "message",
        "edited_message",
        "channel_post",
        "edited_channel_post",
        "inline_query",
        "chosen_inline_result",
        "callback_query",
        "shipping_query",
        "pre_checkout_query",
        "poll",
        "poll_answer",
        "my_chat_member",
        "chat_member",
        "chat_join_request",
        "message_reaction",
        "message_reaction_count",
        "chat_boost",
        "removed_chat_boost",
        "business_connection",
        "business_message",
        "edited_business_message",
        "deleted_business_messages",
        "stopped_message_generation",
    ]
)
DEFAULT_KINDS = ALL_KINDS - {"chat_member", "message_reaction", "message_reaction_count"}


@dataclass(frozen=True, slots=True)
class Update:
    """``queue`` names what must be delivered in order: a webhook gets the next of a queue only after the one before."""

    update_id: int
    kind: str
    payload: Json
    queue: str
    expires_at: float

    def as_json(self) -> Json:
        """An ``Update``."""
        return {"update_id": self.update_id, self.kind: self.payload}


class UpdateLog:
    """Updates wait until an offset passes them or a webhook took them, at most a day."""

    def __init__(self, changes: Changes, now: Callable[[], float], first_id: int, patience: float) -> None:
        self._changes = changes
        self._now = now
        self._patience = patience
        self._next_id = first_id
        self._pending: dict[int, Update] = {}
        self._allowed = DEFAULT_KINDS
        self._poller: asyncio.Future[Conflict | None] | None = None
        self._poll_before = (0, float("-inf"))
        self._next_conflict = float("-inf")
        self.everything: list[Json] = []
        self.confirmed = 0
        self.on_new: Callable[[Update], None] = lambda _update: None

    @property
    def pending(self) -> list[Update]:
        """What waits, oldest first; what is older than a day is gone."""
        for update in [u for u in self._pending.values() if u.expires_at <= self._now()]:
            del self._pending[update.update_id]
        return list(self._pending.values())

    @property
    def allowed(self) -> list[str] | None:
        """The kinds asked for, None for the default."""
        return None if self._allowed == DEFAULT_KINDS else sorted(self._allowed)

    def allow(self, kinds: Sequence[object] | None) -> None:
        """None keeps what was set before; an empty list is the default. It counts for updates from now on."""
        if kinds is not None:
            wanted = ALL_KINDS.intersection(str(kind) for kind in kinds)
            self._allowed = wanted or DEFAULT_KINDS

    def add(self, kind: str, payload: Json, queue: str) -> int | None:
        """Log an update and wake who waits for one. None: nobody asked for this kind."""
        if kind not in self._allowed:
            return None
        update = Update(self._next_id, kind, payload, queue, self._now() + KEPT_SECONDS)
        self._next_id += 1
        self._pending[update.update_id] = update
        self.everything.append(update.as_json())
        self._wake(None)
        self.on_new(update)
        self._changes.tick()
        return update.update_id

    def forget(self, update_id: int) -> None:
        """It was delivered, or given up."""
        self._pending.pop(update_id, None)
        self._changes.tick()

    def clear(self) -> None:
        """``drop_pending_updates``."""
        self._pending.clear()

    async def poll(self, offset: int, limit: int, timeout_seconds: float) -> list[Json]:
        """``getUpdates``. Raises ``Refusal`` (409) where another poll takes over."""
        limit, timeout_seconds = self._slowed(offset, limit, timeout_seconds)
        start = self._confirm(offset)
        if not (waiting := self._from(start)) and timeout_seconds:
            await self._wait(timeout_seconds)
            waiting = self._from(start)
        return [update.as_json() for update in waiting[:limit]]

    async def end_poll(self, reason: str) -> None:
        """Fail the poll that waits, if there is one."""
        self._wake(Conflict(reason))

    def release(self) -> None:
        """Answer the poll that waits with what there is: the server closes."""
        self._wake(None)

    async def conflict(self, reason: str) -> None:
        """Raises ``Refusal`` (409): at once, but a second one soon after only some seconds later (Client.cpp)."""
        now = asyncio.get_running_loop().time()
        if now < self._next_conflict:
            await asyncio.sleep(self._patience)
        else:
            self._next_conflict = now + self._patience
        raise conflict(reason)

    def _slowed(self, offset: int, limit: int, timeout_seconds: float) -> tuple[int, float]:
        """Who asks for the same again and again is slowed down (Client.cpp ``process_get_updates_query``)."""
        now = asyncio.get_running_loop().time()
        before, at = self._poll_before
        self._poll_before = (offset, now)
        if offset != before or now >= at + self._patience:
            return limit, timeout_seconds
        soon = now < at + min(LIMIT_AT_ONCE_SECONDS, self._patience)
        return 1 if soon else limit, max(timeout_seconds, self._patience)

    def _confirm(self, offset: int) -> int:
        """Forget what is below the offset; returns where to read from."""
        if offset < 0:
            for update in self.pending[:offset]:
                self._confirmed(update)
            return 0
        if offset > self._next_id:
            return 0  # an offset from another numbering: nothing is confirmed, all is delivered (TQueue)
        for update in self.pending:
            if update.update_id < offset:
                self._confirmed(update)
        return offset

    def _confirmed(self, update: Update) -> None:
        self.confirmed = update.update_id
        self.forget(update.update_id)

    def _from(self, start: int) -> list[Update]:
        return [update for update in self.pending if update.update_id >= start]

    async def _wait(self, timeout_seconds: float) -> None:
        await self.end_poll("terminated by other getUpdates request; make sure that only one bot instance is running")
        poller = self._poller = asyncio.get_running_loop().create_future()
        await asyncio.wait([poller], timeout=timeout_seconds)
        if self._poller is poller:
            self._poller = None
        if poller.done() and (ended := poller.result()):
            await self.conflict(ended.reason)

    def _wake(self, ended: Conflict | None) -> None:
        if self._poller is not None and not self._poller.done():
            self._poller.set_result(ended)
        self._poller = None


@dataclass(frozen=True, slots=True)
class Conflict:
    """Why a poll that waited gets no updates."""

    reason: str
