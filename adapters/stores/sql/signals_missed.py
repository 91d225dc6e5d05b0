"""What signals should have told, read from the tables."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import and_, select, tuple_

from adapters.stores.signals.ways import Ended
from adapters.stores.sql.rows import AnyRow, ending_of, key_of
from adapters.stores.sql.tables import KEY, answers, conversations, turns
from adapters.stores.sql.types import in_seconds
from conversation.turns import Frame, TurnState

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from adapters.stores.sql.database import Database
    from conversation.messages import ConversationKey

_AT_ONCE = 1000
_NEWEST_TURNS = 50
"""Of a conversation. It can have more turns that ended in a minute, but nobody who watches them."""


class StoredSignals:
    """``adapters.stores.signals.ways.Truth`` on SQL."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def stopped(self, turn_ids: Collection[str]) -> Sequence[str]:
        """Those of these turns that somebody asked to stop."""
        wanted = select(turns.c.id).where(turns.c.id.in_(turn_ids), turns.c.stop_requested_at.isnot(None))
        async with self._database.reading() as connection:
            return (await connection.execute(wanted)).scalars().all()

    async def endings(self, conversations: Sequence[ConversationKey], seconds: float) -> Sequence[Ended]:
        """The turns that were shown there lately, oldest first."""
        found: list[Ended] = []
        for begin in range(0, len(conversations), _AT_ONCE):
            found += await self._endings(conversations[begin : begin + _AT_ONCE], seconds)
        return found

    async def _endings(self, watched: Sequence[ConversationKey], seconds: float) -> Sequence[Ended]:
        keys = [(key.platform, key.workspace, key.channel, key.thread) for key in watched]
        newest = turns.c.position >= conversations.c.next_position - _NEWEST_TURNS
        query = (
            select(answers, *KEY, turns.c.decided_at, in_seconds().label("now"))
            .join_from(conversations, turns, and_(turns.c.conversation_id == conversations.c.id, newest))
            .join(answers, and_(answers.c.turn_id == turns.c.id, answers.c.revision == turns.c.revision))
            .where(
                tuple_(*KEY).in_(keys),
                turns.c.state == TurnState.SHOWN.value,
                turns.c.shown_at >= in_seconds(-seconds),
            )
            .order_by(turns.c.shown_at)
        )
        async with self._database.reading() as connection:
            rows = (await connection.execute(query)).all()
        return [_ended(row) for row in rows]


def _ended(row: AnyRow) -> Ended:
    ending = ending_of(row)
    last = Frame(row.turn_id, 0, 0, ending.shown, last=True, kind=ending.kind.value)
    return Ended(key_of(row), (row.now - row.decided_at).total_seconds(), last)
