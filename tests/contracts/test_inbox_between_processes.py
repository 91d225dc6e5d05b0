"""The inbox's promises while several processes work on one database."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from adapters.stores.sql import database as sql_database
from adapters.stores.sql import gathering
from adapters.stores.sql.inbox import SqlInbox
from conversation.errors import StoreUnavailable
from conversation.messages import Author, ConversationKey
from tests.support.databases import Rows, opened
from tests.support.words import answer, question

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence

    from adapters.stores.sql.database import Database
    from conversation.messages import Message
    from conversation.turns import Receipt

MESSAGES = 200
AT_ONCE = 20
ROOMS = [ConversationKey("web", "web", "", f"s{number}") for number in range(6)]


@pytest.fixture
async def inbox(database: Database) -> SqlInbox:
    return SqlInbox(database)


@pytest.fixture
async def another(inbox: SqlInbox, database_url: str) -> AsyncIterator[SqlInbox]:
    """The inbox of another process on the same database."""
    del inbox  # the database is up to date by then
    async with opened(database_url) as theirs:
        yield SqlInbox(theirs)


def asked() -> list[tuple[Message, str | None]]:
    """Questions in a few rooms by people who are known in all of them, and a stop now and then."""
    told = []
    for number in range(MESSAGES):
        author, room = Author(f"p{number % 4}", f"Name {number}"), ROOMS[number % len(ROOMS)]
        is_stop = number % 9 == 8
        told.append((question("stop" if is_stop else "Frage", room, author=author), "stop" if is_stop else None))
    return told


async def deliver(inbox: SqlInbox, messages: Sequence[tuple[Message, str | None]]) -> list[Receipt]:
    """Hand them in as a platform does: some at once."""
    receipts: list[Receipt] = []
    for begin in range(0, len(messages), AT_ONCE):
        some = messages[begin : begin + AT_ONCE]
        receipts += await asyncio.gather(*(inbox.put(message, command) for message, command in some))
    return receipts


async def work(inbox: SqlInbox, worker: str, all_came: asyncio.Event) -> None:
    """Answer what there is until nothing comes any more."""
    while True:
        was_all = all_came.is_set()
        claims = await asyncio.gather(*(inbox.claim(worker, 30, ["web"]) for _ in range(4)))
        held = [claim for claim in claims if claim is not None]
        if was_all and not held:
            return
        await asyncio.gather(*(inbox.sending(claim, 0) for claim in held))
        await asyncio.gather(*(inbox.renew(claim, 30) for claim in held))
        await asyncio.gather(*(inbox.decide(claim, answer()) for claim in held))
        await asyncio.gather(*(inbox.shown(claim, claim.messages[-1].author.id) for claim in held))


async def test_processes_that_store_and_answer_at_once_do_not_stand_in_each_others_way(
    inbox: SqlInbox, another: SqlInbox, rows: Rows, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(gathering, "_TRIES", 1)  # a deadlock would be tried again, and hide
    messages, all_came = asked(), asyncio.Event()
    working = [asyncio.create_task(work(one, str(number), all_came)) for number, one in enumerate((inbox, another))]

    # The same messages in another order, as from two sockets.
    receipts = await asyncio.gather(deliver(inbox, messages), deliver(another, [*messages[70:], *messages[:70][::-1]]))
    all_came.set()
    await asyncio.gather(*working)

    assert sum(receipt.new for some in receipts for receipt in some) == MESSAGES
    assert await rows.select("SELECT count(*) FROM messages") == [(MESSAGES,)]
    dense = "SELECT conversation_id FROM turns GROUP BY conversation_id HAVING max(position) <> count(*)"
    assert await rows.select(dense) == []
    assert await rows.select("SELECT id FROM turns WHERE state <> 'shown' OR claims <> 1") == []
    assert await rows.select("SELECT id FROM conversations WHERE waiting_since IS NOT NULL") == []


@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
async def test_a_stop_that_comes_twice_at_once_stops_nothing_newer(
    inbox: SqlInbox, another: SqlInbox, database: Database, database_url: str, rows: Rows
) -> None:
    first = await inbox.put(question())
    stop, newer = question("stop"), question("Danach")
    async with opened(database_url) as third, database.writing() as connection:
        await connection.exec_driver_sql("SELECT id FROM conversations FOR UPDATE")
        waiting = []
        for number, (one, message, command) in enumerate(
            [(inbox, stop, "stop"), (SqlInbox(third), newer, None), (another, stop, "stop")], 1
        ):
            waiting.append(asyncio.create_task(one.put(message, command)))
            await until_waiting(rows, number)
    stopped, _, again = await asyncio.gather(*waiting)

    assert (stopped.stopped, again.stopped) == ((first.turn_id,), ())
    assert await rows.select("SELECT position FROM turns WHERE stop_requested_at IS NOT NULL") == [(1,)]


@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
async def test_a_message_that_comes_in_two_rooms_at_once_is_stored_once(
    inbox: SqlInbox, another: SqlInbox, database: Database, rows: Rows
) -> None:
    for room in ROOMS[:2]:
        await inbox.put(question(key=room))
    mention = question(key=ROOMS[0])
    # Each finds nothing of the other's, since both look before either may write.
    async with database.writing() as connection:
        await connection.exec_driver_sql("LOCK TABLE messages IN SHARE MODE")
        coming = [
            asyncio.create_task(one.put(message))
            for one, message in ((inbox, mention), (another, replace(mention, conversation=ROOMS[1])))
        ]
        await until_waiting(rows, 2)
    receipts = await asyncio.gather(*coming)

    assert sorted(receipt.new for receipt in receipts) == [False, True]
    assert receipts[0].turn_id == receipts[1].turn_id
    assert await rows.select("SELECT count(*) FROM messages") == [(3,)]


async def until_waiting(rows: Rows, count: int) -> None:
    """Return once so many others wait for a lock."""
    blocked = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
    async with asyncio.timeout(2):
        while (await rows.select(blocked))[0][0] < count:  # noqa: ASYNC110 - a database has no events for us
            await asyncio.sleep(0.01)


@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
async def test_a_process_that_stalls_in_the_middle_of_a_write_holds_nobody_up_for_long(
    inbox: SqlInbox, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = await inbox.put(question())
    monkeypatch.setattr(sql_database, "STALL_SECONDS", 0.2)
    async with opened(database_url) as theirs:
        stalls, goes_on = asyncio.Event(), asyncio.Event()

        async def stalling() -> None:
            async with theirs.writing() as connection:
                await connection.exec_driver_sql("SELECT id FROM conversations FOR UPDATE")
                stalls.set()
                await goes_on.wait()

        stalled = asyncio.create_task(stalling())
        await stalls.wait()
        receipt = await inbox.put(question())
        claim = await inbox.claim("w", 30, ["web"])
        goes_on.set()
        with pytest.raises(StoreUnavailable):  # its transaction was given up, so nothing of it counts
            await stalled

    assert receipt.conversation_id == first.conversation_id
    assert claim is not None
