"""What waits, what was put aside, and how that is opened again."""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING

from sqlalchemy import Float, and_, exists, extract, func, select, type_coerce, update

from adapters.stores.sql.rows import key_of
from adapters.stores.sql.tables import KEY, NEXT_NEEDS_MODEL, WAITING, answers, conversations, turns
from adapters.stores.sql.types import in_seconds
from conversation.turns import Backlog, EndingKind, ParkedTurn

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sqlalchemy import ColumnElement
    from sqlalchemy.ext.asyncio import AsyncConnection

_OVER = turns.c.state.in_(("shown", "undeliverable"))
_ENDS_PARKED = and_(
    answers.c.turn_id == turns.c.id, answers.c.revision == turns.c.revision, answers.c.kind == EndingKind.PARKED.value
)


async def backlog(connection: AsyncConnection) -> Backlog:
    """Count what waits, by the database's clock. A turn that was opened again waits since then."""
    oldest = func.min(func.coalesce(turns.c.retried_at, turns.c.arrived_at))
    put_aside = select(func.count()).select_from(answers).join(turns, _ENDS_PARKED).where(_OVER).scalar_subquery()
    query = select(func.count(), _age(connection, oldest), put_aside).select_from(turns).where(WAITING)
    waiting, age, parked_turns = (await connection.execute(query)).one()
    return Backlog(waiting, max(0.0, float(age or 0)), parked_turns)


def _age(connection: AsyncConnection, instant: ColumnElement[object]) -> ColumnElement[float]:
    if connection.dialect.name == "sqlite":
        return type_coerce((func.julianday("now") - func.julianday(instant)) * 86_400, Float())
    return type_coerce(extract("epoch", in_seconds() - instant), Float())


async def parked(connection: AsyncConnection) -> Sequence[ParkedTurn]:
    """The turns that ended parked, and were not opened again since."""
    query = (
        select(turns.c.id, turns.c.arrived_at, turns.c.failures, turns.c.reason, answers.c.decided_at, *KEY)
        .select_from(answers)
        .join(turns, _ENDS_PARKED)
        .join(conversations, conversations.c.id == turns.c.conversation_id)
        .where(_OVER)
        .order_by(answers.c.decided_at, turns.c.id)
    )
    return [
        ParkedTurn(row.id, key_of(row), row.arrived_at, row.decided_at, row.failures, row.reason or "")
        for row in await connection.execute(query)
    ]


async def retry(connection: AsyncConnection, turn_id: str) -> bool:
    """Open a parked turn as a new revision, which is next in its conversation once nobody holds that."""
    try:
        turn_id = str(uuid.UUID(turn_id))
    except ValueError:
        return False
    of_turn = select(turns.c.conversation_id).where(turns.c.id == turn_id).scalar_subquery()
    room = (
        await connection.execute(select(conversations.c.id).where(conversations.c.id == of_turn).with_for_update())
    ).scalar()
    opened = (
        update(turns)
        .where(turns.c.id == turn_id, _OVER, exists().where(_ENDS_PARKED))
        .values(
            state="open",
            revision=turns.c.revision + 1,
            failures=0,
            reason=None,
            stop_requested_at=None,
            decided_at=None,
            shown_at=None,
            retried_at=in_seconds(),
        )
        .returning(turns.c.id)
    )
    if (await connection.execute(opened)).scalar() is None:
        return False
    await connection.execute(
        update(conversations)
        .where(conversations.c.id == room)
        .values(
            waiting_since=func.coalesce(conversations.c.waiting_since, in_seconds()),
            not_before=None,
            needs_model=NEXT_NEEDS_MODEL,
        )
    )
    return True
