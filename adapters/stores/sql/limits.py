"""How many turns wait for an answer, and whether one more would be too many."""

from __future__ import annotations

import time
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from sqlalchemy import and_, func, or_, select

from adapters.stores.sql.statements import prepared
from adapters.stores.sql.tables import WAITING, conversations, turns
from adapters.stores.sql.types import among
from conversation.commands import Command

if TYPE_CHECKING:
    from collections.abc import Collection

    from adapters.stores.sql.statements import Connection
    from conversation.messages import ConversationKey
    from conversation.turns import OpenTurns

COUNTED_FOR_SECONDS = 1.0
LONGEST_COUNTED_FOR_SECONDS = 10.0
"""Of a slow count, or of one during which the process stood still: meanwhile nobody learns what room there is again."""
_IS_FULL = turns.c.command == Command.FULL.value
_COUNTS = and_(WAITING, or_(turns.c.command.is_(None), ~_IS_FULL))
_IN_WORKSPACES = prepared(
    select(conversations.c.workspace, conversations.c.platform, func.count())
    .join(turns, turns.c.conversation_id == conversations.c.id)
    .where(conversations.c.waiting_since.isnot(None), _COUNTS)
    .group_by(conversations.c.workspace, conversations.c.platform)
)
_IN_ROOMS = prepared(
    select(turns.c.conversation_id, turns.c.id, and_(_IS_FULL, turns.c.state == "open"), _IS_FULL)
    .where(among(turns.c.conversation_id, "rooms"), WAITING)
    .order_by(turns.c.position)
)


@dataclass(slots=True)
class OpenCounts:
    """The limits, and the open turns of workspaces as they were counted a moment ago.

    The limit of a conversation is exact. Those of a workspace and of the service are soft: several processes may pass
    them by what the others store within ``COUNTED_FOR_SECONDS``; what this one stores is counted at once. Turns that
    only say that it is full do not count.
    """

    limits: OpenTurns
    _workspaces: Counter[tuple[str, str]] = field(default_factory=Counter)
    _service: int = 0
    _until: float = 0.0

    async def look(self, connection: Connection) -> None:
        """Count anew where the last count is old. A count that took long holds longer."""
        began = time.monotonic()
        if began < self._until:
            return
        found = (await connection.execute(_IN_WORKSPACES)).all()
        self._workspaces = Counter({(workspace, platform): count for workspace, platform, count in found})
        self._service = self._workspaces.total()
        counted = time.monotonic()
        self._until = counted + min(max(COUNTED_FOR_SECONDS, 50 * (counted - began)), LONGEST_COUNTED_FOR_SECONDS)

    def add(self, key: ConversationKey) -> None:
        """One more waits."""
        self._workspaces[key.workspace, key.platform] += 1
        self._service += 1

    def is_full(self, key: ConversationKey, in_conversation: int) -> bool:
        """Whether one more would be too many."""
        return (
            in_conversation >= self.limits.conversation
            or self._workspaces[key.workspace, key.platform] >= self.limits.workspace
            or self._service >= self.limits.service
        )


@dataclass(slots=True)
class RoomCount:
    """A conversation's turns that wait, and the one that says that it is full, where it is still open."""

    waiting: int = 0
    full_turn: str | None = None


async def room_counts(connection: Connection, conversation_ids: Collection[str]) -> dict[str, RoomCount]:
    """Count in these conversations, whose rows are locked; those in which nothing waits are left out."""
    if not conversation_ids:
        return {}
    counts: dict[str, RoomCount] = {}
    for conversation_id, turn_id, can_take_more, is_full in await connection.execute(
        _IN_ROOMS, {"rooms": conversation_ids}
    ):
        count = counts.setdefault(conversation_id, RoomCount())
        if can_take_more:
            count.full_turn = turn_id
        elif not is_full:
            count.waiting += 1
    return counts
