"""The statements that end turns."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sqlalchemy import Float, bindparam, case, exists, func, insert, not_, null, true, update

from adapters.stores.sql.claim import held, holding
from adapters.stores.sql.rows import ending_values
from adapters.stores.sql.statements import in_both, prepared
from adapters.stores.sql.tables import WAITING, answers, conversations, next_turn, people, sends, turns
from adapters.stores.sql.types import among, in_seconds, new_id

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Sequence

    from adapters.stores.sql.statements import Connection
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


_NEW_SENDS = prepared(insert(sends))
_SENT = prepared(
    update(sends)
    .where(sends.c.id == bindparam("send"))
    .values(message_id=bindparam("message"), state=bindparam("outcome"))
)


def _answers(insert_into: Any) -> Any:
    first = insert_into(answers)
    anew = {column.name: first.excluded[column.name] for column in answers.c if column.name not in _KEPT}
    return first.on_conflict_do_update(index_elements=["turn_id", "revision"], set_=anew | {"decided_at": in_seconds()})


_KEPT = {"id", "decided_at"}
_ANSWERS = in_both(_answers)
_DECIDED = prepared(
    update(turns)
    .where(among(turns.c.id, "turns"), turns.c.state == "open")
    .values(state="decided", decided_at=in_seconds())
)
_BEGIN = bindparam("begin", type_=conversations.c.since.type)
# Only forward: a turn that was opened again may stand before a fresh start, and what that left behind stays so.
_MOVED = prepared(
    update(conversations)
    .where(conversations.c.id == bindparam("room"), conversations.c.since < _BEGIN)
    .values(since=_BEGIN)
)
_OTHERS = not_(among(turns.c.id, "ended"))
_NEXT = holding(
    lease_owner=None,
    lease_ends=None,
    took_over=False,
    # To the back of the line: a conversation in which much is asked lets others go first.
    waiting_since=next_turn(in_seconds(), _OTHERS),
    needs_model=func.coalesce(next_turn(turns.c.command.is_(None), _OTHERS), true()),
)
_OVER = prepared(
    update(turns)
    .where(among(turns.c.id, "turns"))
    .values(
        state=bindparam("end"),
        shown_at=in_seconds(),
        reason=func.coalesce(bindparam("why", type_=turns.c.reason.type), turns.c.reason),
    )
)
_GREETED = in_both(
    lambda insert_into: (
        insert_into(people)
        .values(greeted_at=in_seconds())
        .on_conflict_do_update(
            index_elements=["workspace", "platform", "person"],
            set_={"greeted_at": func.coalesce(people.c.greeted_at, in_seconds())},
        )
    )
)
_TO_BE_STOPPED = exists().where(
    turns.c.conversation_id == conversations.c.id,
    WAITING,
    turns.c.state == "open",
    turns.c.stop_requested_at.isnot(None),
)
_FREE = holding(lease_owner=None, lease_ends=None, not_before=None)
# Whoever rests goes to the back of the line; what was only given back keeps its place.
_RESTING = holding(
    lease_owner=None,
    lease_ends=None,
    # Whoever asked for a stop meanwhile does not wait for the pause.
    not_before=case((_TO_BE_STOPPED, null()), else_=in_seconds(bindparam("seconds", type_=Float))),
    waiting_since=in_seconds(),
)
_FAILED = prepared(
    update(turns).where(among(turns.c.id, "turns")).values(failures=turns.c.failures + 1, reason=bindparam("why"))
)


async def sending(connection: Connection, items: Sequence[Sending]) -> list[str | LeaseLost]:
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
        await connection.execute(_NEW_SENDS, rows)
    return [error or send_id for error, send_id in zip(lost, ids, strict=True)]


async def sent(connection: Connection, items: Sequence[Sent]) -> list[LeaseLost | None]:
    """Write what became of them."""
    lost = await held(connection, [item.claim for item in items])
    kept = [item for item, error in zip(items, lost, strict=True) if error is None]
    if kept:
        outcomes = [
            {"send": item.send_id, "message": item.message_id, "outcome": "sent" if item.message_id else "unknown"}
            for item in kept
        ]
        await connection.execute(_SENT, outcomes)
    return lost


async def decide(connection: Connection, items: Sequence[Decision]) -> list[LeaseLost | None]:
    """Write how turns end. Whoever holds the turn may decide it again: its first commit's outcome may be unknown."""
    lost = await held(connection, [item.claim for item in items])
    kept = [item for item, error in zip(items, lost, strict=True) if error is None]
    if not kept:
        return lost
    rows = [{"id": new_id(), **ending_values(item.claim, item.ending)} for item in kept]
    await connection.execute(_ANSWERS[connection.dialect.name], rows)
    await connection.execute(_DECIDED, {"turns": [item.claim.turn_id for item in kept]})
    await _count_failures(connection, [(item.claim, item.failure) for item in kept if item.failure])
    begins = [{"room": item.claim.conversation_id, "begin": _window_begins(item)} for item in kept]
    if moved := [one for one in begins if one["begin"]]:
        await connection.execute(_MOVED, moved)
    return lost


def _window_begins(decision: Decision) -> int:
    """The position that the conversation's next windows begin at; 0 where nothing changed."""
    begin = decision.claim.position + 1 if decision.ending.starts_afresh else decision.ending.record.cut
    return begin if begin > decision.claim.since else 0


async def over(connection: Connection, items: Sequence[Over]) -> list[LeaseLost | None]:
    """End turns and free their conversations for the next ones."""
    ending = {"ended": [item.claim.turn_id for item in items]}
    lost = await held(connection, [item.claim for item in items], _NEXT, ending)
    kept = [item for item, error in zip(items, lost, strict=True) if error is None]
    if not kept:
        return lost
    for state, reason in {(item.state, item.reason) for item in kept}:
        ended = [item.claim.turn_id for item in kept if (item.state, item.reason) == (state, reason)]
        await connection.execute(_OVER, {"turns": ended, "end": state, "why": reason})
    await _greet(connection, {(*_workspace(item.claim), item.greeted) for item in kept if item.greeted})
    return lost


def _workspace(claim: Claim) -> tuple[str, str]:
    return claim.conversation.workspace, claim.conversation.platform


async def _greet(connection: Connection, persons: Collection[tuple[str, str, str]]) -> None:
    for workspace, platform, person in sorted(persons):
        values = {"id": new_id(), "workspace": workspace, "platform": platform, "person": person}
        await connection.execute(_GREETED[connection.dialect.name], [values])


async def free(connection: Connection, items: Sequence[Freed]) -> list[LeaseLost | None]:
    """Give conversations back, each after its pause; count the failures."""
    lost: dict[int, LeaseLost | None] = {}
    for alike in _grouped(items, lambda item: (item.pause_seconds, item.failure is None)):
        claims = [item.claim for item in alike]
        if alike[0].pause_seconds or alike[0].failure is not None:
            errors = await held(connection, claims, _RESTING, {"seconds": float(alike[0].pause_seconds)})
        else:
            errors = await held(connection, claims, _FREE)
        lost |= {id(item): error for item, error in zip(alike, errors, strict=True)}
    await _count_failures(
        connection, [(item.claim, item.failure) for item in items if item.failure and lost[id(item)] is None]
    )
    return [lost[id(item)] for item in items]


async def _count_failures(connection: Connection, failed: Sequence[tuple[Claim, str]]) -> None:
    for reason in {reason for _, reason in failed}:
        ids = [claim.turn_id for claim, its_reason in failed if its_reason == reason]
        await connection.execute(_FAILED, {"turns": ids, "why": reason})


def _grouped(items: Sequence[Freed], kind: Callable[[Freed], object]) -> list[list[Freed]]:
    """Those of one kind together."""
    groups: dict[object, list[Freed]] = {}
    for item in items:
        groups.setdefault(kind(item), []).append(item)
    return list(groups.values())
