"""What duties promise: of many processes one does it, and another one goes on where that dies."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from adapters.stores.sql.duties import SqlDuties
from tests.support.databases import opened

if TYPE_CHECKING:
    from adapters.stores.sql.database import Database
    from tests.support.databases import Rows


@pytest.fixture
def duties(database: Database) -> SqlDuties:
    return SqlDuties(database)


async def test_a_duty_is_held_by_one_and_renewed_by_it(duties: SqlDuties) -> None:
    assert await duties.hold("poll", "first", 60)
    assert not await duties.hold("poll", "second", 60)
    assert await duties.hold("poll", "first", 60)
    assert await duties.hold("another", "second", 60)


async def test_a_duty_that_was_let_go_is_free_and_nobody_lets_go_anothers(duties: SqlDuties) -> None:
    await duties.hold("poll", "first", 60)
    await duties.let_go("poll", "second")
    assert not await duties.hold("poll", "second", 60)

    await duties.let_go("poll", "first")

    assert await duties.hold("poll", "second", 60)
    await duties.let_go("nothing", "first")


async def test_a_duty_whose_holder_died_falls_to_the_next_and_the_dead_one_has_lost_it(
    duties: SqlDuties, rows: Rows
) -> None:
    await duties.hold("poll", "first", 60)
    await rows.change("UPDATE duties SET ends = '2001-01-01 00:00:00'")

    assert await duties.hold("poll", "second", 60)
    assert not await duties.hold("poll", "first", 60)


async def test_a_duty_ends_by_the_databases_clock(duties: SqlDuties) -> None:
    assert await duties.hold("poll", "first", 0.05)
    async with asyncio.timeout(5):
        while not await duties.hold("poll", "second", 60):  # noqa: ASYNC110 - a database has no events for us
            await asyncio.sleep(0.01)


async def test_of_two_that_want_a_duty_at_once_one_gets_it(duties: SqlDuties, database_url: str) -> None:
    async with opened(database_url) as theirs:
        another = SqlDuties(theirs)
        for name in map(str, range(10)):
            got = await asyncio.gather(duties.hold(name, "first", 60), another.hold(name, "second", 60))
            assert sorted(got) == [False, True]
