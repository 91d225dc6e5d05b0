from __future__ import annotations

import asyncio

import pytest

from adapters.platforms.in_time import InTime
from adapters.standins.slack import TEAM
from conversation.errors import StoreFault, StoreUnavailable
from tests.support.slack_desk import Desk
from tests.support.words import question


@pytest.fixture
def desk() -> Desk:
    return Desk(open_answers=2)


async def test_what_is_stored_in_time_is_handed_on(desk: Desk) -> None:
    intake = InTime(desk, 10)
    assert (await intake.accept(question("Hallo"))).new
    await intake.unreadable("slack", TEAM, "roh", "warum")
    assert await intake.stop_answers_to("U1", "slack", TEAM, "C1") == 2
    assert (desk.texts, desk.kept, desk.stopped) == (["Hallo"], [("roh", "warum")], [("U1", "slack", TEAM, "C1")])


async def test_what_takes_too_long_counts_as_not_stored(desk: Desk) -> None:
    intake, desk.busy = InTime(desk, 0.01), asyncio.Event()
    with pytest.raises(StoreUnavailable, match=r"not stored within 0\.01 s"):
        await intake.accept(question())
    with pytest.raises(StoreUnavailable):
        await intake.unreadable("slack", TEAM, "roh", "warum")
    with pytest.raises(StoreUnavailable):
        await intake.stop_answers_to("U1", "slack", TEAM, "C1")


async def test_what_the_store_says_itself_is_said(desk: Desk) -> None:
    desk.broken = True
    with pytest.raises(StoreFault):
        await InTime(desk, 10).accept(question())
