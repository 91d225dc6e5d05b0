"""The statements that give conversations to workers. The fence is part of each later statement's condition."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, Any

from sqlalchemy import func, select, tuple_, update

from adapters.stores.sql.rows import author_of, ending_of, key_of, message_of
from adapters.stores.sql.statements import prepared
from adapters.stores.sql.tables import WAITING, answers, conversations, messages, people, sends, turns
from adapters.stores.sql.types import among, given_tuples, in_seconds, tuples_among
from conversation.commands import Command
from conversation.errors import LeaseLost
from conversation.turns import Claim, Send

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from adapters.stores.sql.line import Line, Wanted
    from adapters.stores.sql.rows import AnyRow
    from adapters.stores.sql.statements import Connection


_OLDEST = (
    select(turns.c.conversation_id, func.min(turns.c.position))
    .where(among(turns.c.conversation_id, "rooms"), WAITING)
    .group_by(turns.c.conversation_id)
)
_CLAIM = prepared(
    update(turns)
    .where(tuple_(turns.c.conversation_id, turns.c.position).in_(_OLDEST))
    .values(claims=turns.c.claims + 1, claimed_at=in_seconds())
    .returning(turns)
)
_AUTHOR = (
    (people.c.workspace == messages.c.workspace)
    & (people.c.platform == messages.c.platform)
    & (people.c.person == messages.c.author_id)
)
# With what an answer needs to know of its author, which would else be one more transaction before each.
_QUESTIONS = prepared(
    select(messages, people.c.name, people.c.locale, people.c.asked_at, people.c.greeted_at)
    .outerjoin(people, _AUTHOR)
    .where(among(messages.c.turn_id, "turns"), messages.c.edit == "")
    .order_by(messages.c.id)
)
_ENDINGS = prepared(select(answers).where(among(answers.c.turn_id, "turns")))
_SENDS = prepared(select(sends).where(among(sends.c.turn_id, "turns")).order_by(sends.c.id))


async def claim(connection: Connection, wanted: Sequence[Wanted], line: Line) -> list[Claim | None]:
    """As many conversations as are asked for, the ones that are next in the line first."""
    alike: defaultdict[Wanted, list[int]] = defaultdict(list)
    for index, one in enumerate(wanted):
        alike[one].append(index)
    claims: list[Claim | None] = [None] * len(wanted)
    for one, indexes in alike.items():
        taken = await line.take(connection, one, len(indexes))
        got = await _claims(connection, {row.id: row for row in taken}) if taken else []
        for index, granted in zip(indexes, got, strict=False):
            claims[index] = granted
    return claims


async def _claims(connection: Connection, rooms: dict[str, AnyRow]) -> list[Claim]:
    taken = await connection.execute(_CLAIM, {"rooms": list(rooms)})
    claimed = sorted(taken, key=lambda turn: turn.arrived_at)
    again = [turn.id for turn in claimed if turn.claims > 1]
    questions = await _questions(connection, claimed)
    endings = await _endings(connection, again)
    sent = await _sends(connection, again)
    since = {room: row.since for room, row in rooms.items()}
    for turn in claimed:
        if turn.position < since[turn.conversation_id]:
            since[turn.conversation_id] = await _former_since(connection, turn)
    return [
        Claim(
            conversation_id=turn.conversation_id,
            conversation=key_of(rooms[turn.conversation_id]),
            turn_id=turn.id,
            position=turn.position,
            revision=turn.revision,
            fence=rooms[turn.conversation_id].fence,
            messages=tuple(message_of(row, key_of(rooms[turn.conversation_id])) for row in questions[turn.id]),
            arrived_at=turn.arrived_at,
            claimed_at=turn.claimed_at,
            failures=turn.failures,
            command=turn.command,
            stop_requested=turn.stop_requested_at is not None,
            since=since[turn.conversation_id],
            ending=endings.get((turn.id, turn.revision)) if turn.state == "decided" else None,
            sends=tuple(send for revision, send in sent[turn.id] if revision == turn.revision),
            took_over=rooms[turn.conversation_id].took_over,
            asker=next((author_of(row) for row in questions[turn.id][-1:]), None),
            greeted=any(row.greeted_at for row in questions[turn.id][-1:]),
        )
        for turn in claimed
    ]


async def _former_since(connection: Connection, turn: AnyRow) -> int:
    """Where the window began when a turn was asked that is asked again, after the window was cut or begun afresh."""
    before = (turns.c.conversation_id == turn.conversation_id, turns.c.position < turn.position)
    afresh = select(func.max(turns.c.position)).where(*before, turns.c.command == Command.NEW.value)
    cut = select(func.max(answers.c.cut)).join(turns, answers.c.turn_id == turns.c.id).where(*before)
    begun, cut_at = (await connection.execute(select(afresh.scalar_subquery(), cut.scalar_subquery()))).one()
    return max(1, (begun or 0) + 1, cut_at or 0)


async def _questions(connection: Connection, claimed: Sequence[AnyRow]) -> defaultdict[str, list[AnyRow]]:
    found: defaultdict[str, list[AnyRow]] = defaultdict(list)
    for row in await connection.execute(_QUESTIONS, {"turns": [turn.id for turn in claimed]}):
        found[row.turn_id].append(row)
    return found


async def _endings(connection: Connection, turn_ids: Sequence[str]) -> dict[tuple[str, int], Any]:
    if not turn_ids:
        return {}
    rows = await connection.execute(_ENDINGS, {"turns": turn_ids})
    return {(row.turn_id, row.revision): ending_of(row) for row in rows}


async def _sends(connection: Connection, turn_ids: Sequence[str]) -> defaultdict[str, list[tuple[int, Send]]]:
    found: defaultdict[str, list[tuple[int, Send]]] = defaultdict(list)
    if turn_ids:
        for row in await connection.execute(_SENDS, {"turns": turn_ids}):
            found[row.turn_id].append((row.revision, Send(row.id, row.part, row.state, row.message_id)))
    return found


def holding(**values: Any) -> Any:
    """The statement that writes these values to the conversations whose fence is still the claim's, for ``held``."""
    return prepared(
        update(conversations)
        .where(
            tuples_among((conversations.c.id, conversations.c.fence), "fences"), conversations.c.lease_ends.isnot(None)
        )
        .values(values)
        .returning(conversations.c.id, conversations.c.fence)
    )


HOLDING = holding(fence=conversations.c.fence)
"""Only locks their rows."""


async def held(
    connection: Connection, claims: Sequence[Claim], write: Any = HOLDING, values: Mapping[str, Any] | None = None
) -> list[LeaseLost | None]:
    """Write to the conversations whose fence is still the claim's, and lock their rows; the others lost their lease.

    A conversation whose lease was given back (no end is set) belongs to nobody, even if its fence did not grow since.
    """
    fences = [(one.conversation_id, one.fence) for one in claims]
    kept = await connection.execute(write, {**given_tuples(connection, "fences", fences), **(values or {})})
    mine = {tuple(row) for row in kept}
    return [None if fence in mine else LeaseLost("another worker has this conversation") for fence in fences]
