"""The statements that end turns."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sqlalchemy import case, func, insert, not_, true, update

from adapters.stores.sql.claim import held
from adapters.stores.sql.rows import ending_values
from adapters.stores.sql.tables import answers, conversations, next_turn, people, sends, turns
from adapters.stores.sql.types import among, in_seconds, insert_into, new_id

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping, Sequence

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
    """How a turn ends, and the failure that it ends for, if any."""

    claim: Claim
    ending: Ending
    failure: str | None = None


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
        .where(among(connection, turns.c.id, [item.claim.turn_id for item in kept]), turns.c.state == "open")
        .values(state="decided", decided_at=in_seconds())
    )
    await _count_failures(connection, [(item.claim, item.failure) for item in kept if item.failure])
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
    begin = decision.claim.position + 1 if decision.ending.starts_afresh else decision.ending.record.cut
    # A turn that was opened again may stand before what later ones have begun.
    return begin if begin > decision.claim.since else 0


async def over(connection: AsyncConnection, items: Sequence[Over]) -> list[LeaseLost | None]:
    """End turns and free their conversations for the next ones."""
    others = not_(among(connection, turns.c.id, [item.claim.turn_id for item in items]))
    lost = await held(
        connection,
        [item.claim for item in items],
        lease_owner=None,
        lease_ends=None,
        # To the back of the line: a conversation in which much is asked lets others go first.
        waiting_since=next_turn(in_seconds(), others),
        needs_model=func.coalesce(next_turn(turns.c.command.is_(None), others), true()),
    )
    kept = [item for item, error in zip(items, lost, strict=True) if error is None]
    if not kept:
        return lost
    for state, reason in {(item.state, item.reason) for item in kept}:
        ended = [item.claim.turn_id for item in kept if (item.state, item.reason) == (state, reason)]
        await connection.execute(
            update(turns)
            .where(among(connection, turns.c.id, ended))
            .values(state=state, shown_at=in_seconds(), reason=func.coalesce(reason, turns.c.reason))
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
    lost: dict[int, LeaseLost | None] = {}
    for alike in _grouped(items, lambda item: (item.pause_seconds, item.failure is None)):
        rests: dict[str, Any] = {"not_before": None}
        if alike[0].pause_seconds or alike[0].failure is not None:
            # Whoever rests goes to the back of the line; what was only given back keeps its place.
            rests = {"not_before": in_seconds(alike[0].pause_seconds), "waiting_since": in_seconds()}
        errors = await held(connection, [item.claim for item in alike], lease_owner=None, lease_ends=None, **rests)
        lost |= {id(item): error for item, error in zip(alike, errors, strict=True)}
    await _count_failures(
        connection, [(item.claim, item.failure) for item in items if item.failure and lost[id(item)] is None]
    )
    return [lost[id(item)] for item in items]


async def _count_failures(connection: AsyncConnection, failed: Sequence[tuple[Claim, str]]) -> None:
    for reason in {reason for _, reason in failed}:
        ids = [claim.turn_id for claim, its_reason in failed if its_reason == reason]
        await connection.execute(
            update(turns).where(among(connection, turns.c.id, ids)).values(failures=turns.c.failures + 1, reason=reason)
        )


def _grouped(items: Sequence[Freed], kind: Callable[[Freed], object]) -> list[list[Freed]]:
    """Those of one kind together."""
    groups: dict[object, list[Freed]] = {}
    for item in items:
        groups.setdefault(kind(item), []).append(item)
    return list(groups.values())
