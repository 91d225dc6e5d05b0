"""Messages and turns on their way into the tables."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sqlalchemy import Boolean, Integer, bindparam, case, func, insert, select, update

from adapters.stores.sql.limits import OpenCounts, RoomCount
from adapters.stores.sql.rows import message_values
from adapters.stores.sql.statements import in_both, prepared
from adapters.stores.sql.tables import conversations, messages, people, turns
from adapters.stores.sql.types import among, given_tuples, in_seconds, new_id, tuples_among
from conversation.commands import Command
from conversation.turns import Receipt

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from adapters.stores.sql.rows import AnyRow
    from adapters.stores.sql.statements import Connection
    from conversation.messages import ConversationKey, Message

_NEW_TURNS = prepared(insert(turns).values(state="open", arrived_at=in_seconds()))
_NEW_MESSAGES = prepared(insert(messages))
_LINE_UP = prepared(
    update(conversations)
    .where(among(conversations.c.id, "rooms"))
    .values(
        next_position=conversations.c.next_position + bindparam("count", type_=Integer),
        waiting_since=func.coalesce(conversations.c.waiting_since, in_seconds()),
        needs_model=case(
            (conversations.c.waiting_since.is_(None), bindparam("first_needs_model", type_=Boolean)),
            else_=conversations.c.needs_model,
        ),
    )
)
_PERSON = (people.c.workspace, people.c.platform, people.c.person)
_KNOWN = prepared(select(*_PERSON, people.c.name, people.c.locale).where(tuples_among(_PERSON, "persons")))


def _learn_person(insert_into: Any) -> Any:
    learnt = insert_into(people)
    return learnt.on_conflict_do_update(
        index_elements=["workspace", "platform", "person"],
        set_={"name": learnt.excluded.name, "locale": func.coalesce(learnt.excluded.locale, people.c.locale)},
    )


_LEARN = in_both(_learn_person)


@dataclass(frozen=True, slots=True)
class Arrival:
    """A message as it is handed to ``put``, with the command that it is, if any."""

    message: Message
    command: str | None = None


def identity_of(message: Message) -> tuple[str, ...]:
    """By what it is known."""
    return message.conversation.workspace, message.conversation.platform, message.identity, message.edit


class Batch:
    """Messages and turns of several conversations on their way into the tables."""

    def __init__(self, rooms: dict[ConversationKey, AnyRow], found: dict[tuple[str, ...], AnyRow]) -> None:
        self._rooms = {key: str(room.id) for key, room in rooms.items()}
        self._found: dict[tuple[str, ...], tuple[str, str | None]] = {
            identity: (row.conversation_id, row.turn_id) for identity, row in found.items()
        }
        self._next: dict[str, int] = {room.id: room.next_position for room in rooms.values()}
        self._limits: OpenCounts | None = None
        self._counts: defaultdict[str, RoomCount] = defaultdict(RoomCount)
        self._messages: list[dict[str, Any]] = []
        self._turns: list[dict[str, Any]] = []

    def limit(self, limits: OpenCounts, counts: Mapping[str, RoomCount]) -> None:
        """Beyond the limits turns say only that it is full. ``counts``: of the rooms in which something waits."""
        self._limits = limits
        self._counts.update(counts)

    def has(self, arrival: Arrival) -> bool:
        """Whether the message was stored before."""
        return identity_of(arrival.message) in self._found

    def room_of(self, arrival: Arrival) -> str:
        """The id of the message's conversation."""
        return self._rooms[arrival.message.conversation]

    def add(self, arrival: Arrival, stopped: tuple[str, ...] = ()) -> Receipt:
        """Take the message in; one that has stopped turns opens none."""
        message, identity = arrival.message, identity_of(arrival.message)
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
            return self._found.get((*identity_of(arrival.message)[:3], ""), ("", None))[1]
        if not arrival.message.addressed:
            return None
        key, count = arrival.message.conversation, self._counts[conversation_id]
        if self._limits is None:
            return self._open(conversation_id, arrival.command)
        if arrival.command is None and self._limits.is_full(key, count.waiting):
            if count.full_turn is None:
                count.full_turn = self._open(conversation_id, Command.FULL.value)
            return count.full_turn
        count.waiting += 1
        self._limits.add(key)
        return self._open(conversation_id, arrival.command)

    def _open(self, conversation_id: str, command: str | None) -> str:
        position = self._next[conversation_id]
        self._next[conversation_id] = position + 1
        turn_id = new_id()
        self._turns.append(
            {"id": turn_id, "conversation_id": conversation_id, "position": position, "command": command}
        )
        return turn_id

    async def write(self, connection: Connection) -> None:
        """Write what was added since the last time."""
        new_turns, new_messages = self._turns, self._messages
        self._turns, self._messages = [], []
        if new_turns:
            await connection.execute(_NEW_TURNS, new_turns)
        await _line_up(connection, new_turns)
        if new_messages:
            await connection.execute(_NEW_MESSAGES, new_messages)
            await _learn(connection, new_messages)


async def _line_up(connection: Connection, new_turns: Sequence[dict[str, Any]]) -> None:
    """Tell the conversations of their new turns: how many, and what the first one wants."""
    grown: defaultdict[str, list[str | None]] = defaultdict(list)
    for turn in new_turns:
        grown[turn["conversation_id"]].append(turn["command"])
    alike: defaultdict[tuple[int, bool], list[str]] = defaultdict(list)
    for room, commands in grown.items():
        alike[len(commands), commands[0] is None].append(room)
    for (count, needs_model), rooms in sorted(alike.items()):
        values = {"rooms": rooms, "count": count, "first_needs_model": needs_model}
        await connection.execute(_LINE_UP, values)


async def _learn(connection: Connection, rows: Sequence[dict[str, Any]]) -> None:
    """Keep the names and locales that came along with messages, where they are news."""
    told = {(row["workspace"], row["platform"], row["author_id"]): row for row in rows if row["author_name"]}
    if not told:
        return
    rows_known = await connection.execute(_KNOWN, given_tuples(connection, "persons", list(told)))
    known = {tuple(row[:3]): row for row in rows_known}
    for who, row in sorted(told.items()):
        name, locale = row["author_name"], row["author_locale"]
        if who in known and known[who].name == name and locale in {None, known[who].locale}:
            continue
        workspace, platform, person = who
        values = {"workspace": workspace, "platform": platform, "person": person, "name": name, "locale": locale}
        await connection.execute(_LEARN[connection.dialect.name], [{"id": new_id(), **values}])
