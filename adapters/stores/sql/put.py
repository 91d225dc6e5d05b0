"""The statements that store messages and their turns, many at a time."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sqlalchemy import func, select, update

from adapters.stores.sql.arrivals import Arrival, Batch, identity_of
from adapters.stores.sql.limits import OpenCounts, room_counts
from adapters.stores.sql.rows import key_of
from adapters.stores.sql.statements import in_both, prepared
from adapters.stores.sql.tables import KEY, conversations, messages, turns
from adapters.stores.sql.types import among, given_tuples, in_seconds, new_id, tuples_among

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from adapters.stores.sql.rows import AnyRow
    from adapters.stores.sql.statements import Connection
    from conversation.messages import ConversationKey
    from conversation.turns import Receipt

_IDENTITY = (messages.c.workspace, messages.c.platform, messages.c.identity, messages.c.edit)
_STORED = prepared(
    select(*_IDENTITY, messages.c.conversation_id, messages.c.turn_id).where(tuples_among(_IDENTITY, "identities"))
)
_ROOMS = prepared(
    select(conversations.c.id, conversations.c.next_position, conversations.c.waiting_since, *KEY)
    .where(tuples_among(KEY, "rooms"))
    .order_by(conversations.c.id)
    .with_for_update()
)
_RESTLESS = prepared(update(conversations).where(among(conversations.c.id, "rooms")).values(not_before=None))
_NEW_ROOMS = in_both(lambda insert: insert(conversations).on_conflict_do_nothing())


async def put(connection: Connection, arrivals: Sequence[Arrival], counts: OpenCounts | None = None) -> list[Receipt]:
    """Store what came, in its order; one receipt each. Without ``counts`` any number of turns may wait."""
    rooms = await _rooms(connection, {a.message.conversation: a.message.direct for a in arrivals})
    # Under the rooms' locks, since another process may be storing the same messages.
    batch = Batch(rooms, await _here_already(connection, arrivals))
    if counts is not None:
        await counts.look(connection)
        busy = [str(room.id) for room in rooms.values() if room.waiting_since is not None]
        batch.limit(counts, await room_counts(connection, busy))
    receipts = []
    for arrival in arrivals:
        if arrival.command == "stop" and not batch.has(arrival):
            receipts.append(await _put_stop(connection, batch, arrival))
        else:
            receipts.append(batch.add(arrival))
    await batch.write(connection)
    return receipts


async def _put_stop(connection: Connection, batch: Batch, arrival: Arrival) -> Receipt:
    """Ask the conversation's open turns to stop; where none is open, the stop is a turn that says so."""
    await batch.write(connection)
    stopped = await request_stop(connection, [batch.room_of(arrival)])
    return batch.add(arrival, stopped)


async def request_stop(connection: Connection, conversation_ids: Sequence[str], *more: Any) -> tuple[str, ...]:
    """Mark the open turns of these conversations; decided ones are over already. Nobody waits for a pause then."""
    asked = (
        update(turns)
        .where(among(turns.c.conversation_id, "rooms"), turns.c.state == "open", *more)
        .values(stop_requested_at=func.coalesce(turns.c.stop_requested_at, in_seconds()))
        .returning(turns.c.id, turns.c.conversation_id)
    )
    stopped = (await connection.execute(asked, {"rooms": conversation_ids})).all()
    if stopped:
        await connection.execute(_RESTLESS, {"rooms": list({row.conversation_id for row in stopped})})
    return tuple(row.id for row in stopped)


async def _here_already(connection: Connection, arrivals: Sequence[Arrival]) -> dict[tuple[str, ...], AnyRow]:
    """The stored rows of these messages, and of what their edits are edits of."""
    identities = {
        identity for a in arrivals for identity in (identity_of(a.message), (*identity_of(a.message)[:3], ""))
    }
    rows = await connection.execute(_STORED, given_tuples(connection, "identities", list(identities)))
    return {tuple(row[:4]): row for row in rows}


async def _rooms(connection: Connection, keys: dict[ConversationKey, bool]) -> dict[ConversationKey, AnyRow]:
    """The conversations' rows, made where they are missing, and locked in the order of their ids."""
    wanted = given_tuples(connection, "rooms", [_as_tuple(key) for key in keys])
    rooms = _by_key(await connection.execute(_ROOMS, wanted))
    if missing := [key for key in keys if key not in rooms]:
        await connection.execute(
            _NEW_ROOMS[connection.dialect.name],
            [
                {
                    "id": new_id(),
                    "platform": key.platform,
                    "workspace": key.workspace,
                    "channel": key.channel,
                    "thread": key.thread,
                    "direct": keys[key],
                }
                # In one order, since whoever makes the same room waits for the first one.
                for key in sorted(missing, key=_as_tuple)
            ],
        )
        rooms = _by_key(await connection.execute(_ROOMS, wanted))
    return rooms


def _as_tuple(key: ConversationKey) -> tuple[str, ...]:
    return key.platform, key.workspace, key.channel, key.thread


def _by_key(rows: Iterable[AnyRow]) -> dict[ConversationKey, AnyRow]:
    return {key_of(row): row for row in rows}
