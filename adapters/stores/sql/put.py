"""The statements that store messages and their turns, many at a time."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import groupby
from typing import TYPE_CHECKING, Any

from sqlalchemy import and_, func, insert, or_, select, tuple_, update

from adapters.stores.sql.rows import key_of, message_values
from adapters.stores.sql.tables import conversations, messages, people, turns
from adapters.stores.sql.types import in_seconds, insert_into, new_id
from conversation.turns import Receipt

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from sqlalchemy.ext.asyncio import AsyncConnection

    from adapters.stores.sql.rows import AnyRow
    from conversation.messages import ConversationKey, Message

_IDENTITY = (messages.c.workspace, messages.c.platform, messages.c.identity, messages.c.edit)
_KEY = (conversations.c.platform, conversations.c.workspace, conversations.c.channel, conversations.c.thread)
WAITING = turns.c.state.in_(("open", "decided"))


@dataclass(frozen=True, slots=True)
class Arrival:
    """A message as it is handed to ``put``, with the command that it is, if any."""

    message: Message
    command: str | None = None


async def put(connection: AsyncConnection, arrivals: Sequence[Arrival]) -> list[Receipt]:
    """Store what came, in its order; one receipt each."""
    receipts: list[Receipt] = []
    for is_stop, together in groupby(arrivals, key=lambda arrival: arrival.command == "stop"):
        if is_stop:
            receipts.extend([await _put_stop(connection, arrival) for arrival in together])
        else:
            receipts.extend(await _put_together(connection, list(together)))
    return receipts


async def _put_together(connection: AsyncConnection, arrivals: Sequence[Arrival]) -> list[Receipt]:
    found = await _here_already(connection, arrivals)
    rooms = await _rooms(connection, {a.message.conversation: a.message.direct for a in arrivals})
    # Looked at again under the rooms' locks: another process may have stored the same message in between.
    found |= await _here_already(connection, arrivals) if len(found) < len(arrivals) else {}
    batch = _Batch(rooms, found)
    receipts = [batch.add(arrival) for arrival in arrivals]
    await batch.write(connection)
    return receipts


async def _put_stop(connection: AsyncConnection, arrival: Arrival) -> Receipt:
    """Ask the conversation's open turns to stop; where none is open, the stop is a turn that says so."""
    key = arrival.message.conversation
    if not await _here_already(connection, [arrival]):
        room = (await _rooms(connection, {key: arrival.message.direct}))[key]
        stopped = await request_stop(connection, [room.id])
        if stopped and not await _here_already(connection, [arrival]):
            row = message_values(arrival.message) | {"id": new_id(), "conversation_id": room.id, "turn_id": None}
            await connection.execute(insert(messages), [row])
            return Receipt(new=True, conversation_id=room.id, stopped=stopped)
    return (await _put_together(connection, [arrival]))[0]


async def request_stop(connection: AsyncConnection, conversation_ids: Sequence[str], *more: Any) -> tuple[str, ...]:
    """Mark the open turns of these conversations; decided ones are over already."""
    asked = (
        update(turns)
        .where(turns.c.conversation_id.in_(conversation_ids), turns.c.state == "open", *more)
        .values(stop_requested_at=func.coalesce(turns.c.stop_requested_at, in_seconds()))
        .returning(turns.c.id)
    )
    return tuple((await connection.execute(asked)).scalars())


async def _here_already(connection: AsyncConnection, arrivals: Sequence[Arrival]) -> dict[tuple[str, ...], AnyRow]:
    """The stored rows of these messages, and of what their edits are edits of."""
    identities = {identity for a in arrivals for identity in (_identity(a.message), (*_identity(a.message)[:3], ""))}
    rows = await connection.execute(
        select(*_IDENTITY, messages.c.conversation_id, messages.c.turn_id).where(tuple_(*_IDENTITY).in_(identities))
    )
    return {tuple(row[:4]): row for row in rows}


async def _rooms(connection: AsyncConnection, keys: dict[ConversationKey, bool]) -> dict[ConversationKey, AnyRow]:
    """The conversations' rows, made where they are missing, and locked in the order of their ids."""
    as_tuples = [(key.platform, key.workspace, key.channel, key.thread) for key in keys]
    wanted = (
        select(conversations.c.id, conversations.c.next_position, *_KEY)
        .where(tuple_(*_KEY).in_(as_tuples))
        .order_by(conversations.c.id)
        .with_for_update()
    )
    rooms = _by_key(await connection.execute(wanted))
    if missing := [key for key in keys if key not in rooms]:
        await connection.execute(
            insert_into(connection, conversations).on_conflict_do_nothing(),
            [
                {
                    "id": new_id(),
                    "platform": key.platform,
                    "workspace": key.workspace,
                    "channel": key.channel,
                    "thread": key.thread,
                    "direct": keys[key],
                }
                for key in missing
            ],
        )
        rooms = _by_key(await connection.execute(wanted))
    return rooms


def _by_key(rows: Iterable[AnyRow]) -> dict[ConversationKey, AnyRow]:
    return {key_of(row): row for row in rows}


def _identity(message: Message) -> tuple[str, ...]:
    return message.conversation.workspace, message.conversation.platform, message.identity, message.edit


class _Batch:
    """Messages and turns of several conversations on their way into the tables."""

    def __init__(self, rooms: dict[ConversationKey, AnyRow], found: dict[tuple[str, ...], AnyRow]) -> None:
        self._rooms = rooms
        self._found: dict[tuple[str, ...], tuple[str, str | None]] = {
            identity: (row.conversation_id, row.turn_id) for identity, row in found.items()
        }
        self._next = {room.id: room.next_position for room in rooms.values()}
        self._messages: list[dict[str, Any]] = []
        self._turns: list[dict[str, Any]] = []

    def add(self, arrival: Arrival) -> Receipt:
        message, identity = arrival.message, _identity(arrival.message)
        if identity in self._found:
            conversation_id, turn_id = self._found[identity]
            return Receipt(new=False, conversation_id=conversation_id, turn_id=turn_id)
        conversation_id = self._rooms[message.conversation].id
        turn_id = self._turn(conversation_id, arrival)
        self._found[identity] = conversation_id, turn_id
        self._messages.append(
            message_values(message) | {"id": new_id(), "conversation_id": conversation_id, "turn_id": turn_id}
        )
        return Receipt(new=True, conversation_id=conversation_id, turn_id=turn_id)

    def _turn(self, conversation_id: str, arrival: Arrival) -> str | None:
        """A new turn's id; for an edit, the turn of what was edited; none where no answer is wanted."""
        if arrival.message.edit:
            return self._found.get((*_identity(arrival.message)[:3], ""), ("", None))[1]
        if not arrival.message.addressed:
            return None
        position = self._next[conversation_id]
        self._next[conversation_id] = position + 1
        turn = {"id": new_id(), "conversation_id": conversation_id, "position": position, "command": arrival.command}
        self._turns.append(turn)
        return str(turn["id"])

    async def write(self, connection: AsyncConnection) -> None:
        if self._turns:
            await connection.execute(insert(turns).values(state="open", arrived_at=in_seconds()), self._turns)
            grown = {turn["conversation_id"]: self._next[turn["conversation_id"]] for turn in self._turns}
            for count, ids in _by_count(grown, self._rooms):
                await connection.execute(
                    update(conversations)
                    .where(conversations.c.id.in_(ids))
                    .values(
                        next_position=conversations.c.next_position + count,
                        waiting_since=func.coalesce(conversations.c.waiting_since, in_seconds()),
                    )
                )
        if self._messages:
            await connection.execute(insert(messages), self._messages)
            await _learn(connection, self._messages)


def _by_count(grown: dict[str, int], rooms: dict[ConversationKey, AnyRow]) -> Iterable[tuple[int, list[str]]]:
    """The conversations that grew by the same number of turns, so that one statement serves them all."""
    before = {room.id: room.next_position for room in rooms.values()}
    counts: dict[int, list[str]] = {}
    for conversation_id, position in sorted(grown.items()):
        counts.setdefault(position - before[conversation_id], []).append(conversation_id)
    return counts.items()


async def _learn(connection: AsyncConnection, rows: Sequence[dict[str, Any]]) -> None:
    """Keep the names and locales that came along with messages."""
    told = {
        (row["workspace"], row["platform"], row["author_id"]): {
            "name": row["author_name"],
            "locale": row["author_locale"],
        }
        for row in rows
        if row["author_name"]
    }
    for (workspace, platform, person), values in sorted(told.items()):
        statement = insert_into(connection, people).values(
            id=new_id(), workspace=workspace, platform=platform, person=person, **values
        )
        changed = or_(
            people.c.name.is_distinct_from(values["name"]),
            and_(statement.excluded.locale.isnot(None), people.c.locale.is_distinct_from(values["locale"])),
        )
        await connection.execute(
            statement.on_conflict_do_update(
                index_elements=["workspace", "platform", "person"],
                set_={"name": values["name"], "locale": func.coalesce(statement.excluded.locale, people.c.locale)},
                where=changed,
            )
        )
