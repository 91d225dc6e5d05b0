"""The statements that store messages and their turns, many at a time."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sqlalchemy import func, insert, select, tuple_, update

from adapters.stores.sql.rows import key_of, message_values
from adapters.stores.sql.tables import KEY, conversations, messages, people, turns
from adapters.stores.sql.types import in_seconds, insert_into, new_id
from conversation.turns import Receipt

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from sqlalchemy.ext.asyncio import AsyncConnection

    from adapters.stores.sql.rows import AnyRow
    from conversation.messages import ConversationKey, Message

_IDENTITY = (messages.c.workspace, messages.c.platform, messages.c.identity, messages.c.edit)
_PERSON = (people.c.workspace, people.c.platform, people.c.person)
WAITING = turns.c.state.in_(("open", "decided"))


@dataclass(frozen=True, slots=True)
class Arrival:
    """A message as it is handed to ``put``, with the command that it is, if any."""

    message: Message
    command: str | None = None


async def put(connection: AsyncConnection, arrivals: Sequence[Arrival]) -> list[Receipt]:
    """Store what came, in its order; one receipt each."""
    rooms = await _rooms(connection, {a.message.conversation: a.message.direct for a in arrivals})
    # Under the rooms' locks, since another process may be storing the same messages.
    batch = _Batch(rooms, await _here_already(connection, arrivals))
    receipts = []
    for arrival in arrivals:
        if arrival.command == "stop" and not batch.has(arrival):
            receipts.append(await _put_stop(connection, batch, arrival))
        else:
            receipts.append(batch.add(arrival))
    await batch.write(connection)
    return receipts


async def _put_stop(connection: AsyncConnection, batch: _Batch, arrival: Arrival) -> Receipt:
    """Ask the conversation's open turns to stop; where none is open, the stop is a turn that says so."""
    await batch.write(connection)
    stopped = await request_stop(connection, [batch.room_of(arrival)])
    return batch.add(arrival, stopped)


async def request_stop(connection: AsyncConnection, conversation_ids: Sequence[str], *more: Any) -> tuple[str, ...]:
    """Mark the open turns of these conversations; decided ones are over already. Nobody waits for a pause then."""
    asked = (
        update(turns)
        .where(turns.c.conversation_id.in_(conversation_ids), turns.c.state == "open", *more)
        .values(stop_requested_at=func.coalesce(turns.c.stop_requested_at, in_seconds()))
        .returning(turns.c.id, turns.c.conversation_id)
    )
    stopped = (await connection.execute(asked)).all()
    if stopped:
        rooms = conversations.c.id.in_({row.conversation_id for row in stopped})
        await connection.execute(update(conversations).where(rooms).values(not_before=None))
    return tuple(row.id for row in stopped)


async def _here_already(connection: AsyncConnection, arrivals: Sequence[Arrival]) -> dict[tuple[str, ...], AnyRow]:
    """The stored rows of these messages, and of what their edits are edits of."""
    identities = {identity for a in arrivals for identity in (_identity(a.message), (*_identity(a.message)[:3], ""))}
    rows = await connection.execute(
        select(*_IDENTITY, messages.c.conversation_id, messages.c.turn_id).where(tuple_(*_IDENTITY).in_(identities))
    )
    return {tuple(row[:4]): row for row in rows}


async def _rooms(connection: AsyncConnection, keys: dict[ConversationKey, bool]) -> dict[ConversationKey, AnyRow]:
    """The conversations' rows, made where they are missing, and locked in the order of their ids."""
    as_tuples = [_as_tuple(key) for key in keys]
    wanted = (
        select(conversations.c.id, conversations.c.next_position, *KEY)
        .where(tuple_(*KEY).in_(as_tuples))
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
                # In one order, since whoever makes the same room waits for the first one.
                for key in sorted(missing, key=_as_tuple)
            ],
        )
        rooms = _by_key(await connection.execute(wanted))
    return rooms


def _as_tuple(key: ConversationKey) -> tuple[str, ...]:
    return key.platform, key.workspace, key.channel, key.thread


def _by_key(rows: Iterable[AnyRow]) -> dict[ConversationKey, AnyRow]:
    return {key_of(row): row for row in rows}


def _identity(message: Message) -> tuple[str, ...]:
    return message.conversation.workspace, message.conversation.platform, message.identity, message.edit


class _Batch:
    """Messages and turns of several conversations on their way into the tables."""

    def __init__(self, rooms: dict[ConversationKey, AnyRow], found: dict[tuple[str, ...], AnyRow]) -> None:
        self._rooms = {key: str(room.id) for key, room in rooms.items()}
        self._found: dict[tuple[str, ...], tuple[str, str | None]] = {
            identity: (row.conversation_id, row.turn_id) for identity, row in found.items()
        }
        self._next: dict[str, int] = {room.id: room.next_position for room in rooms.values()}
        self._messages: list[dict[str, Any]] = []
        self._turns: list[dict[str, Any]] = []

    def has(self, arrival: Arrival) -> bool:
        """Whether the message was stored before."""
        return _identity(arrival.message) in self._found

    def room_of(self, arrival: Arrival) -> str:
        """The id of the message's conversation."""
        return self._rooms[arrival.message.conversation]

    def add(self, arrival: Arrival, stopped: tuple[str, ...] = ()) -> Receipt:
        """Take the message in; one that has stopped turns opens none."""
        message, identity = arrival.message, _identity(arrival.message)
        if identity in self._found:
            conversation_id, turn_id = self._found[identity]
            return Receipt(new=False, conversation_id=conversation_id, turn_id=turn_id)
        conversation_id = self.room_of(arrival)
        turn_id = None if stopped else self._turn(conversation_id, arrival)
        self._found[identity] = conversation_id, turn_id
        self._messages.append(
            message_values(message) | {"id": new_id(), "conversation_id": conversation_id, "turn_id": turn_id}
        )
        return Receipt(new=True, conversation_id=conversation_id, turn_id=turn_id, stopped=stopped)

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
        """Write what was added since the last time."""
        new_turns, new_messages = self._turns, self._messages
        self._turns, self._messages = [], []
        if new_turns:
            await connection.execute(insert(turns).values(state="open", arrived_at=in_seconds()), new_turns)
        grown = Counter(turn["conversation_id"] for turn in new_turns)
        for count in sorted(set(grown.values())):
            rooms = sorted(room for room, turns_more in grown.items() if turns_more == count)
            await connection.execute(
                update(conversations)
                .where(conversations.c.id.in_(rooms))
                .values(
                    next_position=conversations.c.next_position + count,
                    waiting_since=func.coalesce(conversations.c.waiting_since, in_seconds()),
                )
            )
        if new_messages:
            await connection.execute(insert(messages), new_messages)
            await _learn(connection, new_messages)


async def _learn(connection: AsyncConnection, rows: Sequence[dict[str, Any]]) -> None:
    """Keep the names and locales that came along with messages, where they are news."""
    told = {(row["workspace"], row["platform"], row["author_id"]): row for row in rows if row["author_name"]}
    if not told:
        return
    query = select(*_PERSON, people.c.name, people.c.locale).where(tuple_(*_PERSON).in_(list(told)))
    known = {tuple(row[:3]): row for row in await connection.execute(query)}
    for who, row in sorted(told.items()):
        name, locale = row["author_name"], row["author_locale"]
        if who in known and known[who].name == name and locale in {None, known[who].locale}:
            continue
        workspace, platform, person = who
        learnt = insert_into(connection, people).values(
            id=new_id(), workspace=workspace, platform=platform, person=person, name=name, locale=locale
        )
        await connection.execute(
            learnt.on_conflict_do_update(
                index_elements=["workspace", "platform", "person"],
                set_={"name": name, "locale": func.coalesce(learnt.excluded.locale, people.c.locale)},
            )
        )
