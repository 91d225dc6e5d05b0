"""What the inbox promises where too much is asked: nothing is lost, and one notice says it."""

from __future__ import annotations

import asyncio
import itertools
from types import SimpleNamespace
from typing import TYPE_CHECKING

import pytest

from adapters.stores.sql import limits
from adapters.stores.sql.inbox import SqlInbox
from conversation.messages import ConversationKey
from conversation.turns import OpenTurns
from tests.support.databases import opened
from tests.support.inbox import claimed, ended
from tests.support.words import question

if TYPE_CHECKING:
    from adapters.stores.sql.database import Database
    from conversation.turns import Receipt
    from tests.support.databases import Rows

COMMANDS = "SELECT command FROM turns ORDER BY position"


@pytest.fixture
def inbox(database: Database) -> SqlInbox:
    return SqlInbox(database, OpenTurns(conversation=2, workspace=4, service=6))


async def asked(inbox: SqlInbox, *rooms: str, workspace: str = "web") -> list[Receipt]:
    keys = [ConversationKey("web", workspace, "", name) for name in rooms]
    return [await inbox.put(question(key=key)) for key in keys]


async def test_what_is_too_much_for_a_conversation_gets_one_notice_and_belongs_to_it(
    inbox: SqlInbox, rows: Rows
) -> None:
    receipts = await asked(inbox, *"aaaaa")

    assert [receipt.new for receipt in receipts] == [True] * 5
    assert len({receipt.turn_id for receipt in receipts}) == 3
    assert await rows.select(COMMANDS) == [(None,), (None,), ("full",)]
    await ended(inbox)
    await ended(inbox)
    notice = await claimed(inbox)
    assert (notice.command, len(notice.messages)) == ("full", 3)
    assert len(await rows.select("SELECT id FROM messages WHERE turn_id IS NOT NULL")) == 5


async def test_messages_that_come_at_once_are_counted_as_if_one_came_after_the_other(
    inbox: SqlInbox, rows: Rows
) -> None:
    await asyncio.gather(*(asked(inbox, "a") for _ in range(6)))

    assert await rows.select(COMMANDS) == [(None,), (None,), ("full",)]


async def test_a_notice_that_was_shown_takes_nothing_more(inbox: SqlInbox, rows: Rows) -> None:
    (*_, full) = await asked(inbox, *"aaa")
    await ended(inbox)
    await ended(inbox)
    await ended(inbox)

    assert (await asked(inbox, *"aa"))[-1].turn_id != full.turn_id
    await asked(inbox, "a")
    assert await rows.select(COMMANDS) == [(None,), (None,), ("full",), (None,), (None,), ("full",)]


async def test_a_redelivery_is_found_and_counts_no_more(inbox: SqlInbox, rows: Rows) -> None:
    await asked(inbox, "a")
    message = question(key=ConversationKey("web", "web", "", "a"))

    receipts = [await inbox.put(message) for _ in range(4)]

    assert [receipt.new for receipt in receipts] == [True, False, False, False]
    assert await rows.select(COMMANDS) == [(None,), (None,)]


async def test_as_soon_as_a_turn_is_over_there_is_room_for_one(inbox: SqlInbox, rows: Rows) -> None:
    await asked(inbox, *"aaa")
    await ended(inbox)

    await asked(inbox, *"aa")

    assert await rows.select(COMMANDS) == [(None,), (None,), ("full",), (None,)]


async def test_commands_are_never_refused(inbox: SqlInbox, rows: Rows) -> None:
    await asked(inbox, *"aaa")

    for command in ("help", "new", "about"):
        await inbox.put(question(key=ConversationKey("web", "web", "", "a")), command)

    assert await rows.select(COMMANDS) == [(None,), (None,), ("full",), ("help",), ("new",), ("about",)]


async def test_a_workspace_has_its_limit_and_another_one_its_own(inbox: SqlInbox, rows: Rows) -> None:
    await asked(inbox, *"abcdef")
    await asked(inbox, "a", workspace="other")

    assert await rows.select(
        "SELECT workspace, thread FROM turns JOIN conversations ON conversations.id = conversation_id"
        " WHERE command = 'full' ORDER BY thread"
    ) == [("web", "e"), ("web", "f")]


async def test_the_service_has_its_limit(inbox: SqlInbox, rows: Rows) -> None:
    for workspace in ("x", "y", "z"):
        await asked(inbox, *"abc", workspace=workspace)

    assert await rows.select("SELECT count(*) FROM turns WHERE command = 'full'") == [(3,)]


async def test_a_process_that_stalled_while_it_counted_does_not_go_by_that_for_minutes(
    inbox: SqlInbox, rows: Rows, monkeypatch: pytest.MonkeyPatch
) -> None:
    each_look_is_20_s_later = itertools.count(0.0, 20.0)
    monkeypatch.setattr(limits, "time", SimpleNamespace(monotonic=lambda: next(each_look_is_20_s_later)))
    await asked(inbox, *"abcd")
    for _ in range(4):
        await ended(inbox)

    await asked(inbox, "e")

    assert await rows.select("SELECT count(*) FROM turns WHERE command = 'full'") == [(0,)]


async def test_what_others_have_stored_is_counted_a_moment_later(
    inbox: SqlInbox, rows: Rows, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "COUNTED_FOR_SECONDS", 0.0)
    async with opened(database_url) as theirs:
        await asked(SqlInbox(theirs), *"abcd")

    await asked(inbox, "e")

    assert await rows.select("SELECT count(*) FROM turns WHERE command = 'full'") == [(1,)]
