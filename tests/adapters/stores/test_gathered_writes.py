"""Writes that come together go in one transaction, and none suffers for another."""

from __future__ import annotations

import asyncio
from hashlib import sha256
from typing import TYPE_CHECKING, Any, cast

import pytest
from sqlalchemy import event

from adapters.stores.sql.gathering import MOST_AT_ONCE
from adapters.stores.sql.inbox import SqlInbox
from conversation.errors import LeaseLost, StoreFault, StoreUnavailable
from conversation.messages import ConversationKey
from conversation.turns import Receipt
from tests.support.databases import opened
from tests.support.words import answer, question

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from sqlalchemy.ext.asyncio import AsyncConnection

    from adapters.stores.sql.database import Database
    from tests.support.databases import Rows

TOO_MANY_VALUES = 33_000
"""SQLite takes 32,766 values in a statement, PostgreSQL 32,767."""
LONGER_THAN_AN_INDEX_TAKES = "".join(sha256(bytes([number])).hexdigest() for number in range(200))


@pytest.fixture
def inbox(database: Database) -> SqlInbox:
    return SqlInbox(database)


async def test_a_statement_has_no_more_values_than_a_database_takes_whatever_comes_at_once(
    inbox: SqlInbox, database: Database
) -> None:
    largest = 0

    @event.listens_for(database.engine.sync_engine, "before_cursor_execute")
    def measure(*call: Any) -> None:
        nonlocal largest
        parameters, in_rows = call[3], call[5]
        largest = max(largest, 0 if in_rows else len(parameters))

    # Edits: each is looked for as itself and as what it is an edit of, with four values each.
    rooms = [ConversationKey("web", "web", "", str(number)) for number in range(100)]
    asked = [question(key=rooms[number % 100], edit="2") for number in range(TOO_MANY_VALUES // 8)]
    receipts = await asyncio.gather(*(inbox.put(message) for message in asked))

    assert all(receipt.new for receipt in receipts)
    assert largest < TOO_MANY_VALUES


async def test_as_many_turns_as_are_ended_at_once_are_ended(inbox: SqlInbox, rows: Rows) -> None:
    keys = [ConversationKey("web", "web", "", str(number)) for number in range(MOST_AT_ONCE)]
    await asyncio.gather(*(inbox.put(question(key=key)) for key in keys))

    claims = [claim for claim in await asyncio.gather(*(inbox.claim("w", 30, ["web"]) for _ in keys)) if claim]
    sends = await asyncio.gather(*(inbox.sending(claim, 0) for claim in claims))
    await asyncio.gather(*(inbox.sent(claim, send, send) for claim, send in zip(claims, sends, strict=True)))
    await asyncio.gather(*(inbox.decide(claim, answer(starts_afresh=True)) for claim in claims))
    await asyncio.gather(*(inbox.shown(claim) for claim in claims))

    assert len(claims) == MOST_AT_ONCE
    assert await rows.select("SELECT count(*) FROM turns WHERE state <> 'shown'") == [(0,)]


@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
@pytest.mark.parametrize("poison", ["no\0text", LONGER_THAN_AN_INDEX_TAKES], ids=["no text", "too long"])
async def test_what_a_column_can_not_hold_is_refused_for_good_and_its_neighbours_are_stored(
    inbox: SqlInbox, poison: str
) -> None:
    broken = question(identity=poison)

    results = await asyncio.gather(
        inbox.put(question()), inbox.put(broken), inbox.put(question()), return_exceptions=True
    )

    assert [isinstance(result, StoreFault) for result in results] == [False, True, False]


async def test_an_error_that_nobody_waits_for_any_more_is_not_complained_about(
    inbox: SqlInbox, database: Database
) -> None:
    await inbox.put(question())
    claim = await inbox.claim("w", 30, ["web"])
    assert claim is not None
    await inbox.shown(claim)

    renewal = asyncio.create_task(inbox.renew(claim, 30))
    await asyncio.sleep(0)
    ((_, _, outcome, *_),) = database._writes._pending
    renewal.cancel()
    with pytest.raises(LeaseLost):
        await inbox.hand_back(claim)

    assert renewal.cancelled()
    # What asyncio asks when the future is forgotten.
    assert outcome._log_traceback is False
    assert outcome.cancelled()


async def test_whoever_is_cancelled_while_it_writes_has_written(inbox: SqlInbox) -> None:
    putting = asyncio.create_task(inbox.put(question()))
    await asyncio.sleep(0)
    putting.cancel()
    await asyncio.gather(putting, return_exceptions=True)

    await inbox.put(question(key=ConversationKey("web", "web", "", "another")))

    assert await inbox.open_turns() == 2


async def test_whoever_writes_while_the_loop_ends_is_not_left_waiting(inbox: SqlInbox, database: Database) -> None:
    cut = asyncio.create_task(inbox.put(question()))
    await asyncio.sleep(0)
    working = database._writes._working
    assert working is not None
    await asyncio.sleep(0)
    working.cancel()  # as ``asyncio.run`` does in the end, with all tasks at once
    later = asyncio.create_task(inbox.put(question()))

    results = await asyncio.wait_for(asyncio.gather(cut, later, return_exceptions=True), 10)

    assert isinstance(results[0], (Receipt, StoreUnavailable))
    assert isinstance(results[1], Receipt)


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
async def test_whoever_waits_for_the_disk_while_the_loop_ends_is_not_left_waiting(
    inbox: SqlInbox, database: Database
) -> None:
    cut = asyncio.create_task(inbox.put(question()))
    while not database._writes._settling:  # noqa: ASYNC110 - it has no events for us
        await asyncio.sleep(0)
    await asyncio.sleep(0)
    for task in database._writes._settling:
        task.cancel()

    with pytest.raises(StoreUnavailable):
        await asyncio.wait_for(cut, 10)
    assert (await asyncio.wait_for(inbox.put(question()), 10)).new


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
async def test_whoever_gives_up_waiting_for_another_processs_lock_leaves_no_transaction_open(
    inbox: SqlInbox, database: Database, database_url: str
) -> None:
    async with opened(database_url) as other:
        async with other.writing():
            cut = asyncio.create_task(inbox.put(question()))
            await asyncio.sleep(0.05)
            working = database._writes._working
            assert working is not None
            working.cancel()
        with pytest.raises(StoreUnavailable):
            await asyncio.wait_for(cut, 10)

        assert (await inbox.put(question())).new
        async with other.writing():
            pass


@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
async def test_a_deadlock_is_tried_again(database: Database, database_url: str, inbox: SqlInbox) -> None:
    for name in ("a", "b"):
        await inbox.put(question(key=ConversationKey("web", "web", "", name)))
    both_hold = asyncio.Barrier(2)
    tries: list[str] = []

    async with opened(database_url) as other:
        await asyncio.gather(
            database.write(locking("a", "b", both_hold, tries), 1),
            other.write(locking("b", "a", both_hold, tries), 1),
        )

    assert len(tries) == 3


def locking(first: str, second: str, both_hold: asyncio.Barrier, tries: list[str]) -> Callable[..., Any]:
    """Statements that lock two conversations one after the other."""
    lock = "SELECT id FROM conversations WHERE thread = '{}' FOR UPDATE"

    async def statements(connection: AsyncConnection, items: Sequence[int]) -> Sequence[int]:
        tries.append(first)
        await connection.exec_driver_sql(lock.format(first))
        if tries.count(first) == 1:
            await both_hold.wait()
        await connection.exec_driver_sql(lock.format(second))
        return items

    return cast("Callable[..., Any]", statements)
