"""What was said, and by whom, read from SQL."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

from sqlalchemy import select, tuple_

from adapters.stores.sql.gathering import Gathering
from adapters.stores.sql.rows import AnyRow, ending_of, key_of, message_of
from adapters.stores.sql.tables import answers, conversations, messages, people, turns
from adapters.stores.sql.types import in_seconds, insert_into, new_id
from conversation.messages import Author
from conversation.turns import EndingKind, Exchange, LoggedTurn, TurnState

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from sqlalchemy.ext.asyncio import AsyncConnection

    from adapters.stores.sql.database import Database
    from conversation.messages import ConversationKey, Message
    from conversation.turns import Ending


class SqlConversations:
    """``conversation.ports.ConversationStore`` on SQLite and PostgreSQL."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def window(self, conversation_id: str, since: int, before: int) -> Sequence[Exchange]:
        """The exchanges from ``since`` to before ``before``, oldest first."""
        async with self._database.reading() as connection:
            room = (await connection.execute(select(conversations).filter_by(id=conversation_id))).one()
            rows = await connection.execute(
                select(turns)
                .where(
                    turns.c.conversation_id == conversation_id,
                    turns.c.position >= since,
                    turns.c.position < before,
                    turns.c.command.is_(None),
                    # A turn that was opened again is told once it is over again.
                    turns.c.state != "open",
                )
                .order_by(turns.c.position)
            )
            logged = await _logged(connection, rows.all(), key_of(room))
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


def _spoils(turn: LoggedTurn) -> bool:
    """Whether its question could not be answered: in later prompts it would do there what it did in its own."""
    return turn.ending is not None and turn.ending.kind in {EndingKind.REFUSED, EndingKind.PARKED}


def _said(turn: LoggedTurn) -> str:
    """The model's words, where the person saw them."""
    return turn.ending.text if turn.ending is not None and turn.state != TurnState.UNDELIVERABLE else ""


async def _logged(connection: AsyncConnection, rows: Sequence[AnyRow], key: ConversationKey) -> list[LoggedTurn]:
    """The turns of one conversation with what was said in them."""
    if not rows:
        return []
    positions = turns.c.position.between(rows[0].position, rows[-1].position)
    span = (turns.c.conversation_id == rows[0].conversation_id, positions)
    questions: defaultdict[str, list[Message]] = defaultdict(list)
    asked = select(messages).join(turns, messages.c.turn_id == turns.c.id).where(*span, messages.c.edit == "")
    for row in await connection.execute(asked.order_by(messages.c.id)):
        questions[row.turn_id].append(message_of(row, key))
    endings: dict[tuple[str, int], Ending] = {}
    for row in await connection.execute(select(answers).join(turns).where(*span)):
        endings[row.turn_id, row.revision] = ending_of(row)
    return [
        LoggedTurn(row.id, row.position, row.state, tuple(questions[row.id]), endings.get((row.id, row.revision)))
        for row in rows
    ]


class SqlPeople:
    """``conversation.ports.People`` on SQLite and PostgreSQL. Calls that come together share one transaction."""

    def __init__(self, database: Database) -> None:
        self._database = database
        # Apart from the inbox' writes, which lock conversations first and people afterwards.
        self._learning = Gathering(database.writing)

    async def known(self, platform: str, workspace: str, ids: Collection[str]) -> Mapping[str, Author]:
        """Those of them whom we asked for, or who told their name."""
        wanted = [(workspace, platform, person) for person in ids]
        found: list[AnyRow] = await self._database.read(_people, wanted)
        return {row.person: Author(row.person, row.name, row.locale) for row in found if row.name or row.asked_at}

    async def learn(self, platform: str, workspace: str, author: Author) -> None:
        """Keep a person's name and locale."""
        told = {"name": author.name, "locale": author.locale}
        who: dict[str, str | None] = {"platform": platform, "workspace": workspace, "person": author.id}
        await self._learning.add(_learn, who | told)

    async def greeted(self, platform: str, workspace: str, person: str) -> bool:
        """Whether an answer to this person has carried the AI notice."""
        found: list[AnyRow] = await self._database.read(_people, [(workspace, platform, person)])
        return any(row.greeted_at is not None for row in found)


async def _people(connection: AsyncConnection, items: Sequence[Sequence[tuple[str, str, str]]]) -> list[list[AnyRow]]:
    """For each item the rows of the people that it names by workspace, platform and id."""
    who = tuple_(people.c.workspace, people.c.platform, people.c.person)
    wanted = sorted({one for item in items for one in item})
    found = await connection.execute(select(people).where(who.in_(wanted)))
    rows = {(row.workspace, row.platform, row.person): row for row in found}
    return [[rows[one] for one in item if one in rows] for item in items]


async def _learn(connection: AsyncConnection, items: Sequence[Mapping[str, str | None]]) -> list[None]:
    """Keep names and locales, of each person the newest; in one order, so that no two processes wait for each other."""
    newest = {(item["workspace"], item["platform"], item["person"]): item for item in items}
    rows = [{"id": new_id(), **newest[who]} for who in sorted(newest, key=str)]
    learnt = insert_into(connection, people).values(asked_at=in_seconds())
    told = {"name": learnt.excluded.name, "locale": learnt.excluded.locale, "asked_at": in_seconds()}
    await connection.execute(
        learnt.on_conflict_do_update(index_elements=["workspace", "platform", "person"], set_=told), rows
    )
    return [None for _ in items]
