"""The statements that end turns."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sqlalchemy import case, func, insert, select, update

from adapters.stores.sql.claim import held
from adapters.stores.sql.put import WAITING
from adapters.stores.sql.rows import ending_values
from adapters.stores.sql.tables import answers, conversations, people, sends, turns
from adapters.stores.sql.types import in_seconds, insert_into, new_id

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from sqlalchemy import Case, Table
    from sqlalchemy.ext.asyncio import AsyncConnection

    from conversation.errors import LeaseLost
    from conversation.turns import Claim, Ending


@dataclass(frozen=True, slots=True)
class Sending:
    """A message about to be sent."""

    claim: Claim
    part: int


@dataclass(frozen=True, slots=True)
class Sent:
    """What became of it; no message id means that nobody knows."""

    claim: Claim
    send_id: str
    message_id: str


@dataclass(frozen=True, slots=True)
class Decision:
    """How a turn ends."""

    claim: Claim
    ending: Ending


@dataclass(frozen=True, slots=True)
class Over:
    """A turn that is over, and who read the AI notice with it."""

    claim: Claim
    greeted: str | None = None
    state: str = "shown"
    reason: str | None = None


@dataclass(frozen=True, slots=True)
class Freed:
    """A conversation that is given back, with its turn as open as before."""

    claim: Claim
    pause_seconds: float
    failure: str | None = None


async def sending(connection: AsyncConnection, items: Sequence[Sending]) -> list[str | LeaseLost]:
    """Write the rows of messages that are about to be sent; returns their ids."""
    lost = await held(connection, [item.claim for item in items])
    ids = [new_id() for _ in items]
    rows = [
        {
            "id": send_id,
            "conversation_id": item.claim.conversation_id,
            "turn_id": item.claim.turn_id,
            "revision": item.claim.revision,
            "part": item.part,
            "state": "sending",
        }
        for item, send_id, error in zip(items, ids, lost, strict=True)
        if error is None
    ]
    if rows:
        await connection.execute(insert(sends), rows)
    return [error or send_id for error, send_id in zip(lost, ids, strict=True)]


async def sent(connection: AsyncConnection, items: Sequence[Sent]) -> list[LeaseLost | None]:
    """Write what became of them."""
    lost = await held(connection, [item.claim for item in items])
    kept = [item for item, error in zip(items, lost, strict=True) if error is None]
    if kept:
        ids = {item.send_id: item.message_id for item in kept}
        await connection.execute(
            update(sends)
            .where(sends.c.id.in_(ids))
            .values(
                message_id=_each(sends, ids),
                state=_each(sends, {send: "sent" if message_id else "unknown" for send, message_id in ids.items()}),
            )
        )
    return lost


async def decide(connection: AsyncConnection, items: Sequence[Decision]) -> list[LeaseLost | None]:
    """Write how turns end. Whoever holds the turn may decide it again: its first commit's outcome may be unknown."""
    lost = await held(connection, [item.claim for item in items])
    kept = [item for item, error in zip(items, lost, strict=True) if error is None]
    if not kept:
        return lost
    rows = [{"id": new_id(), **ending_values(item.claim, item.ending)} for item in kept]
    first = insert_into(connection, answers)
    anew = {column: first.excluded[column] for column in rows[0] if column != "id"} | {"decided_at": in_seconds()}
    await connection.execute(first.on_conflict_do_update(index_elements=["turn_id", "revision"], set_=anew), rows)
    await connection.execute(
        update(turns)
        .where(turns.c.id.in_([item.claim.turn_id for item in kept]), turns.c.state == "open")
        .values(state="decided", decided_at=in_seconds())
    )
    begins = {item.claim.conversation_id: _window_begins(item) for item in kept}
    moved = {conversation_id: begin for conversation_id, begin in begins.items() if begin}
    if moved:
        await connection.execute(
            update(conversations).where(conversations.c.id.in_(moved)).values(since=_each(conversations, moved))
        )
    return lost


def _each(table: Table, values: Mapping[str, Any]) -> Case[Any]:
    """Each row's own value, by its id."""
    return case(*((table.c.id == row_id, value) for row_id, value in values.items()))


def _window_begins(decision: Decision) -> int:
    """The position that the conversation's next windows begin at; 0 where nothing changed."""
    if decision.ending.starts_afresh:
        return decision.claim.position + 1
    cut = decision.ending.record.cut
    return cut if cut > decision.claim.since else 0


async def over(connection: AsyncConnection, items: Sequence[Over]) -> list[LeaseLost | None]:
    """End turns and free their conversations for the next ones."""
    lost = await held(connection, [item.claim for item in items], lease_owner=None, lease_ends=None)
    kept = [item for item, error in zip(items, lost, strict=True) if error is None]
    if not kept:
        return lost
    for state, reason in {(item.state, item.reason) for item in kept}:
        ended = [item.claim.turn_id for item in kept if (item.state, item.reason) == (state, reason)]
        await connection.execute(
            update(turns)
            .where(turns.c.id.in_(ended))
            .values(state=state, shown_at=in_seconds(), reason=func.coalesce(reason, turns.c.reason))
        )
    next_one = (
        select(func.min(turns.c.arrived_at))
        .where(turns.c.conversation_id == conversations.c.id, WAITING)
        .scalar_subquery()
    )
    await connection.execute(
        update(conversations)
        .where(conversations.c.id.in_([item.claim.conversation_id for item in kept]))
        .values(waiting_since=next_one)
    )
    await _greet(connection, {(*_workspace(item.claim), item.greeted) for item in kept if item.greeted})
    return lost


def _workspace(claim: Claim) -> tuple[str, str]:
    return claim.conversation.workspace, claim.conversation.platform


async def _greet(connection: AsyncConnection, persons: Collection[tuple[str, str, str]]) -> None:
    for workspace, platform, person in sorted(persons):
        first = insert_into(connection, people).values(
            id=new_id(), greeted_at=in_seconds(), workspace=workspace, platform=platform, person=person
        )
        await connection.execute(
            first.on_conflict_do_update(
                index_elements=["workspace", "platform", "person"],
                set_={"greeted_at": func.coalesce(people.c.greeted_at, in_seconds())},
            )
        )


async def free(connection: AsyncConnection, items: Sequence[Freed]) -> list[LeaseLost | None]:
    """Give conversations back, each after its pause; count the failures."""
    lost: list[LeaseLost | None] = []
    for item in items:
        pause: Any = in_seconds(item.pause_seconds) if item.pause_seconds else None
        error = (await held(connection, [item.claim], lease_owner=None, lease_ends=None, not_before=pause))[0]
        lost.append(error)
        if error is None and item.failure is not None:
            await connection.execute(
                update(turns)
                .where(turns.c.id == item.claim.turn_id)
                .values(failures=turns.c.failures + 1, reason=item.failure)
            )
    return lost
