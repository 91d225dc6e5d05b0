"""What the inbox promises about messages that come, on both databases."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import TYPE_CHECKING, cast

import pytest

from adapters.stores.sql.conversations import SqlPeople
from adapters.stores.sql.inbox import SqlInbox
from conversation.errors import StoreUnavailable
from conversation.messages import Attachment, Author, Mention
from tests.support.inbox import claimed
from tests.support.words import question

if TYPE_CHECKING:
    from adapters.stores.sql.database import Database
    from adapters.stores.sql.inbox import SqlInbox
    from tests.support.databases import Rows


async def test_a_message_comes_back_as_it_was_put(inbox: SqlInbox) -> None:
    message = question(
        "Frag @U1: Größe „Übermaß“ 🙂",
        mentions=(Mention(5, 8, "U1"),),
        attachments=(Attachment("plan.pdf", "application/pdf", 12),),
        mentioned=True,
    )

    await inbox.put(message)

    assert (await claimed(inbox)).messages == (message,)


async def test_a_message_is_stored_once_however_often_it_comes(inbox: SqlInbox, rows: Rows) -> None:
    message = question()

    first = await inbox.put(message)
    second = await inbox.put(replace(message, text="anders zugestellt"))
    at_once = await asyncio.gather(*(inbox.put(message) for _ in range(5)))

    assert first.new
    assert not any(receipt.new for receipt in (second, *at_once))
    assert {receipt.turn_id for receipt in (second, *at_once)} == {first.turn_id}
    assert await rows.select("SELECT text FROM messages") == [("Wie spät ist es?",)]
    assert await inbox.open_turns() == 1


async def test_doubles_that_come_at_once_are_stored_once(inbox: SqlInbox) -> None:
    message = question()

    receipts = await asyncio.gather(*(inbox.put(message) for _ in range(5)))

    assert [receipt.new for receipt in receipts] == [True, False, False, False, False]


async def test_an_edit_is_kept_beside_the_message_and_opens_no_turn(inbox: SqlInbox, rows: Rows) -> None:
    message = question("Wie spät?")
    first = await inbox.put(message)
    edit = replace(message, text="Wie spät ist es?", edit="2")

    receipts = [await inbox.put(edit), await inbox.put(edit), await inbox.put(replace(edit, edit="3"))]

    assert [receipt.new for receipt in receipts] == [True, False, True]
    assert {receipt.turn_id for receipt in receipts} == {first.turn_id}
    assert await inbox.open_turns() == 1
    assert (await claimed(inbox)).messages == (message,)
    assert len(await rows.select("SELECT id FROM messages")) == 3


async def test_an_edit_that_comes_before_its_message_is_kept_and_the_message_is_answered(
    inbox: SqlInbox, rows: Rows
) -> None:
    message = question("Wie spät?")

    early = await inbox.put(replace(message, text="Wie spät ist es?", edit="2"))
    late = await inbox.put(message)

    assert (early.new, early.turn_id) == (True, None)
    assert (await claimed(inbox)).turn_id == late.turn_id
    assert len(await rows.select("SELECT id FROM messages")) == 2


async def test_what_wants_no_answer_is_stored_without_a_turn(inbox: SqlInbox, rows: Rows) -> None:
    receipt = await inbox.put(question(addressed=False))

    assert (receipt.new, receipt.turn_id) == (True, None)
    assert await inbox.open_turns() == 0
    assert len(await rows.select("SELECT id FROM messages WHERE turn_id IS NULL")) == 1


async def test_the_unreadable_is_kept_once(inbox: SqlInbox, rows: Rows) -> None:
    for raw in ("{", "{", "\0{"):
        await inbox.put_unreadable("telegram", "7", raw, "no JSON \ud800")

    assert await rows.select("SELECT raw, reason FROM unreadable") == [("{", "no JSON ")]


async def test_people_are_learnt_from_their_messages_and_from_what_a_platform_tells(
    inbox: SqlInbox, database: Database
) -> None:
    people = SqlPeople(database)
    await inbox.put(question(author=Author("anna", "Anna", "de")))
    await inbox.put(question(author=Author("anna", "Anna B.", None)))
    await people.learn("web", "web", Author("jörg", "Jörg", "en"))
    await people.learn("web", "web", Author("nameless", None, None))

    known = await people.known("web", "web", ["anna", "jörg", "nameless", "nobody"])

    assert known == {
        "anna": Author("anna", "Anna B.", "de"),
        "jörg": Author("jörg", "Jörg", "en"),
        "nameless": Author("nameless"),
    }
    assert await people.known("web", "other", ["anna"]) == {}


@pytest.mark.parametrize("known", [True, False])
async def test_who_was_greeted_is_greeted_for_good(inbox: SqlInbox, *, known: bool) -> None:
    author = Author("anna", "Anna" if known else None)
    await inbox.put(question(author=author))
    claim = await claimed(inbox)
    assert not claim.greeted

    await inbox.shown(claim, greeted="anna")
    for workspace in ("web", "other"):
        await inbox.put(question(author=author, conversation=replace(claim.conversation, workspace=workspace)))

    again = [await claimed(inbox) for _ in range(2)]
    assert {claim.conversation.workspace: claim.greeted for claim in again} == {"web": True, "other": False}


async def test_a_claim_tells_what_is_known_of_the_asker(inbox: SqlInbox, database: Database) -> None:
    people = SqlPeople(database)
    await people.learn("web", "web", Author("jörg", "Jörg", "en"))
    await people.learn("web", "web", Author("nameless", None, None))
    told = {}
    for person in ("jörg", "nameless", "stranger"):
        room = replace(question().conversation, channel=person)
        await inbox.put(question(conversation=room, author=Author("anna", "Anna", "de")))
        await inbox.put(question(conversation=room, author=Author(person)))
        await inbox.shown(await claimed(inbox))
        told[person] = (await claimed(inbox)).asker

    assert told == {"jörg": Author("jörg", "Jörg", "en"), "nameless": Author("nameless"), "stranger": None}


async def test_a_poisonous_write_fails_alone(inbox: SqlInbox) -> None:
    broken = replace(question(), native_id=cast("str", object()))

    results = await asyncio.gather(
        inbox.put(question()), inbox.put(broken), inbox.put(question()), return_exceptions=True
    )

    assert [isinstance(result, Exception) for result in results] == [False, True, False]


async def test_nothing_is_stored_where_the_database_is_locked(inbox: SqlInbox, database: Database) -> None:
    async with database.writing() as other:
        if not database.is_sqlite:
            await other.exec_driver_sql("LOCK TABLE messages")
        with pytest.raises(StoreUnavailable):
            await inbox.put(question())

    assert (await inbox.put(question())).new
