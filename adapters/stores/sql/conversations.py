"""What was said, and by whom, read from SQL."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

from sqlalchemy import select

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
    """``conversation.ports.People`` on SQLite and PostgreSQL."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def known(self, platform: str, workspace: str, ids: Collection[str]) -> Mapping[str, Author]:
        """Those of them whom we asked for, or who told their name."""
        query = select(people).filter_by(platform=platform, workspace=workspace).where(people.c.person.in_(ids))
        async with self._database.reading() as connection:
            rows = await connection.execute(query)
            return {row.person: Author(row.person, row.name, row.locale) for row in rows if row.name or row.asked_at}

    async def learn(self, platform: str, workspace: str, author: Author) -> None:
        """Keep a person's name and locale."""
        who = {"platform": platform, "workspace": workspace, "person": author.id}
        told = {"name": author.name, "locale": author.locale, "asked_at": in_seconds()}
        async with self._database.writing() as connection:
            learnt = insert_into(connection, people).values(id=new_id(), **who, **told)
            await connection.execute(
                learnt.on_conflict_do_update(index_elements=["workspace", "platform", "person"], set_=told)
            )

    async def greeted(self, platform: str, workspace: str, person: str) -> bool:
        """Whether an answer to this person has carried the AI notice."""
        query = select(people.c.greeted_at).filter_by(platform=platform, workspace=workspace, person=person)
        async with self._database.reading() as connection:
            return (await connection.execute(query)).scalar() is not None
