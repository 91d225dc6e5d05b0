"""The statements that give conversations to workers. The fence is part of each later statement's condition."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sqlalchemy import func, or_, select, tuple_, update

from adapters.stores.sql.put import WAITING
from adapters.stores.sql.rows import ending_of, key_of, message_of
from adapters.stores.sql.tables import answers, conversations, messages, sends, turns
from adapters.stores.sql.types import in_seconds
from conversation.errors import LeaseLost
from conversation.turns import Claim, Send

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sqlalchemy.ext.asyncio import AsyncConnection

    from adapters.stores.sql.rows import AnyRow


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a worker asks for: any conversation of these platforms, or just one."""

    worker: str
    lease_seconds: float
    platforms: tuple[str, ...]
    conversation_id: str | None = None


async def claim(connection: AsyncConnection, wanted: Sequence[Wanted]) -> list[Claim | None]:
    """As many conversations as are asked for, the ones that wait longest first."""
    alike: defaultdict[Wanted, list[int]] = defaultdict(list)
    for index, one in enumerate(wanted):
        alike[one].append(index)
    claims: list[Claim | None] = [None] * len(wanted)
    for one, indexes in alike.items():
        got = await _claim(connection, one, len(indexes))
        for index, granted in zip(indexes, got, strict=False):
            claims[index] = granted
    return claims


async def _claim(connection: AsyncConnection, wanted: Wanted, count: int) -> list[Claim]:
    free = (
        select(conversations.c.id)
        .where(
            conversations.c.waiting_since.isnot(None),
            or_(conversations.c.lease_ends.is_(None), conversations.c.lease_ends < in_seconds()),
            or_(conversations.c.not_before.is_(None), conversations.c.not_before <= in_seconds()),
            conversations.c.platform.in_(wanted.platforms),
        )
        .order_by(conversations.c.waiting_since)
        .limit(count)
        .with_for_update(skip_locked=True)
    )
    if wanted.conversation_id is not None:
        free = free.where(conversations.c.id == wanted.conversation_id)
    # A common table expression, since PostgreSQL may run a subquery with a limit more than once.
    oldest = free.cte("oldest")
    taken = await connection.execute(
        update(conversations)
        .where(conversations.c.id.in_(select(oldest.c.id)))
        .values(
            fence=conversations.c.fence + 1,
            lease_owner=wanted.worker,
            lease_ends=in_seconds(wanted.lease_seconds),
            not_before=None,
        )
        .returning(conversations)
    )
    rooms = {row.id: row for row in taken}
    return await _claims(connection, rooms) if rooms else []


async def _claims(connection: AsyncConnection, rooms: dict[str, AnyRow]) -> list[Claim]:
    oldest = (
        select(turns.c.conversation_id, func.min(turns.c.position))
        .where(turns.c.conversation_id.in_(rooms), WAITING)
        .group_by(turns.c.conversation_id)
    )
    taken = await connection.execute(
        update(turns)
        .where(tuple_(turns.c.conversation_id, turns.c.position).in_(oldest))
        .values(claims=turns.c.claims + 1, claimed_at=in_seconds())
        .returning(turns)
    )
    claimed = sorted(taken, key=lambda turn: turn.arrived_at)
    again = [turn.id for turn in claimed if turn.claims > 1]
    questions = await _questions(connection, claimed, rooms)
    endings = await _endings(connection, again)
    sent = await _sends(connection, again)
    return [
        Claim(
            conversation_id=turn.conversation_id,
            conversation=key_of(rooms[turn.conversation_id]),
            turn_id=turn.id,
            position=turn.position,
            revision=turn.revision,
            fence=rooms[turn.conversation_id].fence,
            messages=tuple(questions[turn.id]),
            arrived_at=turn.arrived_at,
            claimed_at=turn.claimed_at,
            failures=turn.failures,
            command=turn.command,
            stop_requested=turn.stop_requested_at is not None,
            since=rooms[turn.conversation_id].since,
            ending=endings.get((turn.id, turn.revision)) if turn.state == "decided" else None,
            sends=tuple(send for revision, send in sent[turn.id] if revision == turn.revision),
        )
        for turn in claimed
    ]


async def _questions(
    connection: AsyncConnection, claimed: Sequence[AnyRow], rooms: dict[str, AnyRow]
) -> defaultdict[str, list[Any]]:
    found: defaultdict[str, list[Any]] = defaultdict(list)
    rows = await connection.execute(
        select(messages)
        .where(messages.c.turn_id.in_([turn.id for turn in claimed]), messages.c.edit == "")
        .order_by(messages.c.id)
    )
    for row in rows:
        found[row.turn_id].append(message_of(row, key_of(rooms[row.conversation_id])))
    return found


async def _endings(connection: AsyncConnection, turn_ids: Sequence[str]) -> dict[tuple[str, int], Any]:
    if not turn_ids:
        return {}
    rows = await connection.execute(select(answers).where(answers.c.turn_id.in_(turn_ids)))
    return {(row.turn_id, row.revision): ending_of(row) for row in rows}


async def _sends(connection: AsyncConnection, turn_ids: Sequence[str]) -> defaultdict[str, list[tuple[int, Send]]]:
    found: defaultdict[str, list[tuple[int, Send]]] = defaultdict(list)
    if turn_ids:
        for row in await connection.execute(select(sends).where(sends.c.turn_id.in_(turn_ids)).order_by(sends.c.id)):
            found[row.turn_id].append((row.revision, Send(row.id, row.part, row.state, row.message_id)))
    return found


async def held(connection: AsyncConnection, claims: Sequence[Claim], **values: Any) -> list[LeaseLost | None]:
    """Write to the conversations whose fence is still the claim's, and lock their rows; the others lost their lease.

    A conversation whose lease was given back (no end is set) belongs to nobody, even if its fence did not grow since.
    """
    fences = [(one.conversation_id, one.fence) for one in claims]
    kept = await connection.execute(
        update(conversations)
        .where(tuple_(conversations.c.id, conversations.c.fence).in_(fences), conversations.c.lease_ends.isnot(None))
        .values(values or {"fence": conversations.c.fence})
        .returning(conversations.c.id, conversations.c.fence)
    )
    mine = {tuple(row) for row in kept}
    return [None if fence in mine else LeaseLost("another worker has this conversation") for fence in fences]
