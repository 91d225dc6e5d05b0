"""What one of many processes does: two of them never at once, the next one after the first one's end."""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING

from adapters.stores.sql.duties import SqlDuties
from bot.duty import Duty
from tests.support.databases import Rows, opened

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from adapters.stores.sql.database import Database

NAME = "receive from telegram"
BOUND_SECONDS = 10.0


class Work:
    """Something that says when it is begun and when it is given up."""

    def __init__(self) -> None:
        self.begun = asyncio.Event()
        self.given_up = asyncio.Event()

    async def __call__(self) -> None:
        self.begun.set()
        try:
            await asyncio.Event().wait()
        finally:
            self.given_up.set()


@contextlib.asynccontextmanager
async def on_duty(database: Database, holder: str, seconds: float = 0.3) -> AsyncIterator[Work]:
    """A process that does the work whenever it is its turn."""
    work = Work()
    task = asyncio.create_task(Duty(SqlDuties(database), NAME, holder, seconds).run(work))
    try:
        yield work
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def within_bound(event: asyncio.Event) -> None:
    await asyncio.wait_for(event.wait(), BOUND_SECONDS)


async def test_the_next_process_goes_on_at_once_where_the_first_one_ends_well(database: Database) -> None:
    async with on_duty(database, "first", seconds=300) as first:
        await within_bound(first.begun)
    assert first.given_up.is_set()

    async with on_duty(database, "second", seconds=300) as second:
        await within_bound(second.begun)


async def test_whoever_loses_the_duty_gives_the_work_up(database: Database) -> None:
    async with on_duty(database, "first") as first:
        await within_bound(first.begun)
        await Rows(database).change("UPDATE duties SET holder = 'second'")
        await within_bound(first.given_up)


async def test_a_dead_process_is_replaced_when_its_time_is_over_and_not_before(database: Database) -> None:
    duties = SqlDuties(database)
    assert await duties.hold(NAME, "dead", 300)
    async with on_duty(database, "next") as next_one:
        assert not await duties.hold(NAME, "another", 300)
        assert not next_one.begun.is_set()
        await Rows(database).change("UPDATE duties SET ends = '2001-01-01 00:00:00'")
        await within_bound(next_one.begun)


async def test_whoever_can_not_reach_the_database_gives_the_work_up(database_url: str) -> None:
    async with opened(database_url) as database, on_duty(database, "first") as first:
        await within_bound(first.begun)
        await Rows(database).change("ALTER TABLE duties RENAME TO away")
        await within_bound(first.given_up)
        await Rows(database).change("ALTER TABLE away RENAME TO duties")


async def test_what_the_work_raises_is_raised(database: Database) -> None:
    async def broken() -> None:
        raise RuntimeError("a fault of ours")

    with contextlib.suppress(RuntimeError):
        await asyncio.wait_for(Duty(SqlDuties(database), NAME, "first").run(broken), BOUND_SECONDS)
        raise AssertionError("it went unnoticed")
    assert await SqlDuties(database).hold(NAME, "second", 1), "the duty was not let go"
