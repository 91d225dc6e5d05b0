from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from adapters.stores.memory import InProcessSignals
from adapters.stores.signals import lookout
from adapters.stores.signals.live import Live
from adapters.stores.signals.lookout import UNNOTICED_SECONDS, Lookout
from conversation.errors import StoreUnavailable
from tests.support.signals import until
from tests.support.words import ROOM

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from adapters.stores.signals.ways import Ended
    from conversation.messages import ConversationKey


class Looks:
    """A store that counts who looks, and is away at first."""

    def __init__(self, away: int = 0) -> None:
        self.away = away
        self.stops: list[Collection[str]] = []
        self.spans: list[float] = []
        self.looked = asyncio.Event()

    async def stopped(self, turn_ids: Collection[str]) -> Sequence[str]:
        self.stops.append(turn_ids)
        if len(self.stops) <= self.away:
            raise StoreUnavailable
        return list(turn_ids)

    async def endings(self, conversations: Sequence[ConversationKey], seconds: float) -> Sequence[Ended]:
        assert conversations == [ROOM]
        self.spans.append(seconds)
        self.looked.set()
        return []


@pytest.fixture(autouse=True)
def _soon(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lookout, "LOOK_SECONDS", 0.01)


async def test_a_store_that_is_away_is_asked_again_for_all_that_was_missed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lookout, "LOOK_SECONDS", 0.2)
    store, here, live = Looks(away=2), InProcessSignals(), Live("w")
    watching = Lookout(store, here, live, lambda: False)
    running = asyncio.create_task(watching.run())
    async with asyncio.timeout(10), here.stops("t1") as stop:
        with live.watching("a", ROOM):
            watching.look()
            await store.looked.wait()
        await stop.wait()
    running.cancel()

    assert len(store.stops) == 3
    assert store.spans[0] >= UNNOTICED_SECONDS + 0.3


async def test_while_nothing_is_of_interest_nobody_looks() -> None:
    store = Looks()
    await Lookout(store, InProcessSignals(), Live("w"), lambda: True)._look()

    assert (store.stops, store.spans) == ([], [])


async def test_who_hears_again_looks_once_more_and_rests() -> None:
    store, live, deaf = Looks(), Live("w"), [True, True, False]
    watching = Lookout(store, InProcessSignals(), live, lambda: deaf[min(len(store.spans), 3) - 1])
    running = asyncio.create_task(watching.run())

    async def rests() -> bool:
        return len(store.spans) == 3 and not watching._due.is_set() and watching._looked_at is None

    with live.watching("a", ROOM):
        watching.look()
        async with asyncio.timeout(10):
            await until(rests)
    running.cancel()
