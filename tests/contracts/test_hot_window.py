"""What the hot copy of a window promises: it saves reading, and is never believed where it may be wrong."""

from __future__ import annotations

import contextlib
import time
from typing import TYPE_CHECKING

import pytest

from adapters.stores.redis.hot_window import MOST_GAPS, OLD_AFTER, HotWindow
from conversation.turns import EndingKind
from tests.support.desk import Desk, desk_of
from tests.support.words import answer

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from adapters.stores.sql.database import Database
    from conversation.turns import Claim
    from tests.support.databases import Rows
    from tests.support.valkey import Valkey


@pytest.fixture
async def desk(database: Database, valkey: Valkey) -> AsyncIterator[Desk]:
    async with desk_of(database, valkey) as opened:
        yield opened


async def test_what_is_old_comes_from_the_copy_and_only_what_is_new_from_sql(desk: Desk) -> None:
    await desk.answered("Frage 1", "Frage 2", "Frage 3")
    claim = await desk.asked()

    desk.sql.asked.clear()
    assert await desk.window(claim) == ["Frage 1", "Frage 2", "Frage 3"]

    # The copy's newest exchange is looked at again, and what came after it is read beside it.
    assert desk.sql.asked == [(1, 4)]


async def test_a_copy_is_made_anew_when_much_came_after_it(desk: Desk) -> None:
    await desk.answered(*(f"Frage {number}" for number in range(1, OLD_AFTER + 1)))
    claim = await desk.asked(f"Frage {OLD_AFTER + 1}")
    await desk.window(claim)
    await desk.end(claim)
    claim = await desk.asked()

    desk.sql.asked.clear()
    await desk.window(claim)
    await desk.window(claim)

    assert desk.sql.asked == [(1, OLD_AFTER + 2), (OLD_AFTER + 1, OLD_AFTER + 2)]


async def test_a_copy_goes_on_to_be_used_after_the_window_was_cut(desk: Desk) -> None:
    await desk.answered("Frage 1", "Frage 2", "Frage 3")
    claim = await desk.asked("Frage 4")
    await desk.copied(claim)
    await desk.end(claim, cut=2)
    claim = await desk.asked("Frage 5")

    desk.sql.asked.clear()
    assert await desk.window(claim) == ["Frage 2", "Frage 3", "Frage 4"]

    assert desk.sql.asked == [(3, 5)]


async def test_a_copy_that_begins_too_late_is_not_believed(desk: Desk) -> None:
    await desk.answered("Frage 1", "Frage 2")
    claim = await desk.asked()
    await desk.client.flushall()
    await desk.hot.window(claim.conversation_id, 2, claim.position)

    assert await desk.window(claim) == ["Frage 1", "Frage 2"]


async def test_a_copy_from_later_is_not_believed(desk: Desk) -> None:
    await desk.answered("Frage 1", "Frage 2", "Frage 3")
    claim = await desk.asked()
    await desk.copied(claim)

    desk.sql.asked.clear()
    assert len(await desk.hot.window(claim.conversation_id, 1, 2)) == 1

    assert desk.sql.asked == [(1, 2)]


async def test_an_older_copy_lacks_nothing(desk: Desk) -> None:
    await desk.answered("Frage 1", "Frage 2")
    claim = await desk.asked("Frage 3")
    older = await desk.copied(claim)
    await desk.end(claim)
    await desk.answered("Frage 4", "Frage 5")
    claim = await desk.asked()
    await desk.copied(claim)
    await desk.put_copy(claim, older)

    assert await desk.window(claim) == [f"Frage {number}" for number in range(1, 6)]


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE messages SET text = 'gelöscht'",
        "UPDATE answers SET text = ''",
        "UPDATE conversations SET channel = 'moved'",
        "DELETE FROM turns WHERE position = 2",
    ],
    ids=["a question", "an answer", "the room", "a turn that is gone"],
)
async def test_a_copy_whose_newest_exchange_is_another_now_is_not_believed(desk: Desk, rows: Rows, change: str) -> None:
    await desk.answered("Frage 1", "Frage 2")
    claim = await desk.asked()
    await desk.copied(claim)
    if change.startswith("DELETE"):
        await rows.change("DELETE FROM answers")
        await rows.change("DELETE FROM messages WHERE turn_id IN (SELECT id FROM turns WHERE position = 2)")
    await rows.change(change)

    for _ in range(2):
        await desk.window(claim)


async def test_a_turn_that_is_asked_again_is_told_with_its_new_answer(desk: Desk, rows: Rows) -> None:
    await desk.answered("Frage 1", "Frage 2", "Frage 3")
    await desk.copied(last := await desk.asked("Frage 4"))
    await desk.end(last)
    await rows.change("UPDATE turns SET state = 'open', revision = 2 WHERE position = 2")
    await rows.change("UPDATE conversations SET waiting_since = '2001-01-01 00:00:00'")
    again = await desk.claim()
    assert (again.position, await desk.window(again)) == (2, ["Frage 1"])
    await desk.end(again, "Anders.")
    claim = await desk.asked()

    await desk.window(claim)
    window = await desk.hot.window(claim.conversation_id, 1, claim.position)

    assert [one.answer for one in window][1] == "Anders."


async def put_aside(desk: Desk, *texts: str) -> list[Claim]:
    """Each was asked and parked."""
    claims = []
    for text in texts:
        claim = await desk.asked(text)
        await desk.inbox.decide(claim, answer("", kind=EndingKind.PARKED))
        await desk.inbox.shown(claim)
        claims.append(claim)
    return claims


@pytest.mark.parametrize("first", [[], ["Frage 1"]])
async def test_a_parked_turn_that_was_asked_again_while_redis_was_away_is_told(desk: Desk, first: list[str]) -> None:
    await desk.answered(*first)
    (parked,) = await put_aside(desk, "Gift")
    await desk.answered("Frage 3", "Frage 4")
    last = await desk.asked("Frage 5")
    await desk.copied(last)
    await desk.end(last)
    await desk.inbox.retry(parked.turn_id)
    await desk.end(await desk.claim(), "Nun doch.")
    claim = await desk.asked()

    for _ in range(2):
        assert await desk.window(claim) == [*first, "Gift", "Frage 3", "Frage 4", "Frage 5"]


async def test_a_copy_with_a_gap_is_used_where_nothing_stands_in_the_gap(desk: Desk) -> None:
    await desk.answered("Frage 1")
    await put_aside(desk, "Gift")
    await desk.answered("Frage 3", "Frage 4")
    claim = await desk.asked()
    await desk.copied(claim)

    desk.sql.asked.clear()
    await desk.window(claim)

    assert desk.sql.asked == [(2, 3), (4, 5)]


async def test_a_copy_with_many_gaps_is_not_believed(desk: Desk) -> None:
    for number in range(MOST_GAPS + 1):
        await put_aside(desk, "Gift")
        await desk.answered(f"Frage {number}")
    claim = await desk.asked()
    await desk.copied(claim)

    desk.sql.asked.clear()
    await desk.window(claim)

    assert desk.sql.asked == [(1, claim.position)]


async def test_what_is_kept_is_packed_and_kept_for_a_day(desk: Desk) -> None:
    await desk.answered("Frage 1")
    claim = await desk.asked()

    assert b"Frage 1" not in await desk.copied(claim)
    (name,) = await desk.client.keys()
    assert 0 < await desk.client.ttl(name) <= 24 * 3600


async def test_a_conversation_can_be_forgotten(desk: Desk, valkey: Valkey) -> None:
    await desk.answered("Frage 1")
    claim = await desk.asked()
    await desk.window(claim)

    assert await desk.hot.forget(claim.conversation_id)
    assert await desk.client.keys() == []
    assert await desk.hot.forget(claim.conversation_id)
    valkey.stop()
    assert not await desk.hot.forget(claim.conversation_id)


async def test_nobody_waits_long_for_a_redis_that_hangs_and_only_once(desk: Desk, valkey: Valkey) -> None:
    await desk.answered("Frage 1", "Frage 2")
    claim = await desk.asked()
    await desk.copied(claim)
    await valkey.halt()

    desk.sql.asked.clear()
    async with contextlib.aclosing(HotWindow(desk.sql, desk.client, 0.5)) as hot:
        before = time.monotonic()
        for _ in range(20):
            assert len(await hot.window(claim.conversation_id, 1, claim.position)) == 2
        took = time.monotonic() - before

    assert desk.sql.asked == [(1, 3)] * 20
    assert took < 5  # each for itself they would take ten
    valkey.go_on()


async def test_a_redis_that_comes_back_is_used_again(desk: Desk, valkey: Valkey) -> None:
    await desk.answered("Frage 1", "Frage 2")
    claim = await desk.asked()
    valkey.stop()
    await desk.window(claim)
    valkey.start()  # empty

    desk.hot._asking._rests_until = 0
    await desk.window(claim)
    desk.sql.asked.clear()
    await desk.window(claim)

    assert desk.sql.asked == [(2, 3)]
