"""What was said, and by whom, read from SQL."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, Any

from sqlalchemy import bindparam, select

from adapters.stores.sql.rows import AnyRow, ending_of, key_of, message_of
from adapters.stores.sql.statements import in_both, prepared
from adapters.stores.sql.tables import KEY, answers, conversations, messages, people, turns
from adapters.stores.sql.types import given_tuples, in_seconds, new_id, tuples_among
from conversation.messages import Author
from conversation.turns import EndingKind, Exchange, LoggedTurn, TurnState

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from adapters.stores.sql.database import Database
    from adapters.stores.sql.statements import Connection
    from conversation.messages import ConversationKey, Message
    from conversation.turns import Ending


class SqlConversations:
    """``conversation.ports.ConversationStore`` on SQLite and PostgreSQL."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def window(self, conversation_id: str, since: int, before: int) -> Sequence[Exchange]:
        """The exchanges from ``since`` to before ``before``, oldest first."""
        logged: list[LoggedTurn] = await self._database.read(_windows, (conversation_id, since, before))
        return [Exchange(turn.position, turn.questions, _said(turn)) for turn in logged if not _spoils(turn)]

    async def log(self, conversation: ConversationKey) -> Sequence[LoggedTurn]:
        """The whole conversation, oldest first."""
        async with self._database.reading() as connection:
            rows = await connection.execute(
                select(turns)
                .join(conversations)
                .filter_by(
                    platform=conversation.platform,
                    workspace=conversation.workspace,
                    channel=conversation.channel,
                    thread=conversation.thread,
                )
                .order_by(turns.c.position)
            )
            return await _logged(connection, rows.all(), conversation)


_TURNS = prepared(
    select(turns, *KEY)
    .join(conversations)
    .where(
        turns.c.conversation_id == bindparam("room"),
        turns.c.position >= bindparam("since"),
        turns.c.position < bindparam("before"),
        turns.c.command.is_(None),
        # A turn that was opened again is told once it is over again.
        turns.c.state != "open",
    )
    .order_by(turns.c.position)
)
_SPAN = (
    turns.c.conversation_id == bindparam("room"),
    turns.c.position.between(bindparam("first"), bindparam("last")),
)
_ASKED = prepared(
    select(messages)
    .join(turns, messages.c.turn_id == turns.c.id)
    .where(*_SPAN, messages.c.edit == "")
    .order_by(messages.c.id)
)
_ANSWERED = prepared(select(answers).join(turns).where(*_SPAN))


async def _windows(connection: Connection, items: Sequence[tuple[str, int, int]]) -> list[list[LoggedTurn]]:
    found: list[list[LoggedTurn]] = []
    for room, since, before in items:
        values = {"room": room, "since": since, "before": before}
        rows = (await connection.execute(_TURNS, values)).all()
        found.append(await _logged(connection, rows, key_of(rows[0])) if rows else [])
    return found


def _spoils(turn: LoggedTurn) -> bool:
    """Whether its question could not be answered: in later prompts it would do there what it did in its own."""
    return turn.ending is not None and turn.ending.kind in {EndingKind.REFUSED, EndingKind.PARKED}


def _said(turn: LoggedTurn) -> str:
    """The model's words, where the person saw them."""
    return turn.ending.text if turn.ending is not None and turn.state != TurnState.UNDELIVERABLE else ""


async def _logged(connection: Connection, rows: Sequence[AnyRow], key: ConversationKey) -> list[LoggedTurn]:
    """The turns of one conversation with what was said in them."""
    if not rows:
        return []
    span = {"room": rows[0].conversation_id, "first": rows[0].position, "last": rows[-1].position}
    questions: defaultdict[str, list[Message]] = defaultdict(list)
    for row in await connection.execute(_ASKED, span):
        questions[row.turn_id].append(message_of(row, key))
    endings: dict[tuple[str, int], Ending] = {}
    for row in await connection.execute(_ANSWERED, span):
        endings[row.turn_id, row.revision] = ending_of(row)
    return [
        LoggedTurn(row.id, row.position, row.state, tuple(questions[row.id]), endings.get((row.id, row.revision)))
        for row in rows
    ]


class SqlPeople:
    """``conversation.ports.People`` on SQLite and PostgreSQL. Calls that come together share one transaction."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def known(self, platform: str, workspace: str, ids: Collection[str]) -> Mapping[str, Author]:
        """Those of them whom we asked for, or who told their name."""
        wanted = [(workspace, platform, person) for person in ids]
        found: list[AnyRow] = await self._database.read(_people, wanted)
        return {row.person: Author(row.person, row.name, row.locale) for row in found if row.name or row.asked_at}

    async def learn(self, platform: str, workspace: str, author: Author) -> None:
        """Keep a person's name and locale."""
        told = {"name": author.name, "locale": author.locale}
        who: dict[str, str | None] = {"platform": platform, "workspace": workspace, "person": author.id}
        await self._database.write_aside(_learn, who | told)


_PEOPLE = prepared(
    select(people).where(tuples_among((people.c.workspace, people.c.platform, people.c.person), "persons"))
)


def _told(insert_into: Any) -> Any:
    learnt = insert_into(people).values(asked_at=in_seconds())
    told = {"name": learnt.excluded.name, "locale": learnt.excluded.locale, "asked_at": in_seconds()}
    return learnt.on_conflict_do_update(index_elements=["workspace", "platform", "person"], set_=told)


_TOLD = in_both(_told)


async def _people(connection: Connection, items: Sequence[Sequence[tuple[str, str, str]]]) -> list[list[AnyRow]]:
    """For each item the rows of the people that it names by workspace, platform and id."""
    wanted = sorted({one for item in items for one in item})
    if not wanted:
        return [[] for _ in items]
    found = await connection.execute(_PEOPLE, given_tuples(connection, "persons", wanted))
    rows = {(row.workspace, row.platform, row.person): row for row in found}
    return [[rows[one] for one in item if one in rows] for item in items]


async def _learn(connection: Connection, items: Sequence[Mapping[str, str | None]]) -> list[None]:
    """Keep names and locales, of each person the newest; in one order, so that no two processes wait for each other."""
    newest = {(item["workspace"], item["platform"], item["person"]): item for item in items}
    rows = [{"id": new_id(), **newest[who]} for who in sorted(newest, key=str)]
    await connection.execute(_TOLD[connection.dialect.name], rows)
    return [None for _ in items]
