from __future__ import annotations

from adapters.stores.memory import MOST_UNREAD, InProcessSignals
from conversation.turns import Frame
from tests.support.words import ROOM


async def test_a_page_that_does_not_read_is_ended_and_piles_up_nothing() -> None:
    signals = InProcessSignals()
    async with signals.watch(ROOM) as slow:
        for number in range(5 * MOST_UNREAD):
            await signals.show(ROOM, Frame("t1", number, number, "x"))

        assert len([frame async for frame in slow]) < MOST_UNREAD


async def test_a_page_that_comes_late_sees_all_of_a_long_answer() -> None:
    signals = InProcessSignals()
    for number in range(5 * MOST_UNREAD):
        await signals.show(ROOM, Frame("t1", number, number, "x"))

    async with signals.watch(ROOM) as late:
        assert await anext(late) == Frame("t1", 5 * MOST_UNREAD - 1, 0, "x" * 5 * MOST_UNREAD)
