"""What the database says, read past the service's own code as far as rows go."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

from adapters.platforms.slack import formatting as slack
from adapters.platforms.telegram import formatting as telegram
from conversation.turns import Ending, EndingKind
from tests.faults.transcript import Logged, Send
from tests.support.databases import Rows

if TYPE_CHECKING:
    from adapters.stores.sql.database import Database

_TURNS = (
    "SELECT turns.id, platform, channel, thread, position, state, kind, text, lead, trail FROM turns"
    " JOIN conversations ON conversations.id = turns.conversation_id"
    " LEFT JOIN answers ON answers.turn_id = turns.id AND answers.revision = turns.revision"
)
_OVER = "SELECT count(*) FROM turns WHERE state IN ('shown', 'undeliverable')"

_BUSIEST = (
    "SELECT lease_owner FROM conversations WHERE lease_owner IS NOT NULL GROUP BY lease_owner"
    " ORDER BY count(*) DESC LIMIT 1"
)


async def logged(database: Database) -> tuple[Logged, ...]:
    """Every turn with its questions, its ending as its platform should show it, and its sends."""
    rows = Rows(database)
    questions: defaultdict[str, list[str]] = defaultdict(list)
    for turn_id, text in await rows.select("SELECT turn_id, text FROM messages WHERE turn_id IS NOT NULL"):
        questions[turn_id].append(text)
    sends: defaultdict[str, list[Send]] = defaultdict(list)
    for turn_id, part, message_id in await rows.select("SELECT turn_id, part, message_id FROM sends"):
        sends[turn_id].append(Send(part, message_id))
    return tuple(
        Logged(
            turn_id=str(row.id),
            conversation=conversation_of(row.channel, row.thread),
            position=row.position,
            state=row.state,
            questions=tuple(questions[row.id]),
            kind=row.kind or "",
            parts=_parts(row.platform, Ending(EndingKind(row.kind), row.text, row.lead, row.trail)) if row.kind else (),
            sends=tuple(sends[row.id]),
        )
        for row in await rows.select(_TURNS)
    )


async def over(database: Database) -> int:
    """How many turns are over."""
    return int((await Rows(database).select(_OVER))[0][0])


async def busiest(database: Database) -> str:
    """Who holds the most conversations; "" where nobody holds one."""
    rows = await Rows(database).select(_BUSIEST)
    return str(rows[0][0]) if rows else ""


def conversation_of(channel: str, thread: str = "") -> str:
    """How a conversation is called here."""
    return f"{channel}/{thread}"


def _parts(platform: str, ending: Ending) -> tuple[str, ...]:
    """The texts that the platform's messages should read."""
    if platform == "slack":
        return tuple(part.text for part in slack.parts(ending.shown))
    return tuple(part.text for part in telegram.parts(ending.shown))
