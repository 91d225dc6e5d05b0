"""How many turns a worker takes at once, whatever waits."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, cast

import pytest

from adapters.stores.memory import InProcessSignals
from adapters.stores.sql.inbox import SqlInbox
from bot.repeats import Repeats
from bot.worker import Limits, Worker
from conversation.messages import ConversationKey
from tests.support.databases import Rows, opened
from tests.support.words import answer, question

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from bot.answerer import Answerer
    from conversation.turns import Claim

LEASED = "SELECT count(*) FROM conversations WHERE lease_ends IS NOT NULL"


class NeverDone:
    """What answers, while the platform takes its time."""

    platforms = ("web",)

    def __init__(self) -> None:
        self.repeats = Repeats()
        self.done = asyncio.Event()

    async def answer(self, claim: Claim) -> None:
        del claim
        await self.done.wait()

    def is_visible(self, turn_id: str) -> bool:
        del turn_id
        return False


@pytest.fixture
async def inbox(tmp_path: Path) -> AsyncIterator[SqlInbox]:
    async with opened(f"sqlite:///{tmp_path / 'p.sqlite3'}") as database:
        yield SqlInbox(database)


def new_worker(inbox: SqlInbox, limits: Limits) -> Worker:
    return Worker("w", inbox, InProcessSignals(), cast("Answerer", NeverDone()), limits)


async def ask(inbox: SqlInbox, command: str | None, count: int, name: str = "") -> None:
    rooms = [ConversationKey("web", "web", "", f"{name}{number}") for number in range(count)]
    await asyncio.gather(*(inbox.put(question(key=room), command) for room in rooms))


async def taken(worker: Worker) -> int:
    """How many turns it takes until it takes no more."""
    async with asyncio.timeout(10):
        while await worker._begin():
            pass
        await worker._begin()
    return worker.under_way


async def test_commands_take_the_places_for_commands_and_then_those_for_answers_and_no_more(inbox: SqlInbox) -> None:
    await ask(inbox, "help", 50)
    worker = new_worker(inbox, Limits(at_once=4, quick=2))

    assert await taken(worker) == 6
    await worker.drain()


async def test_what_is_only_to_be_shown_again_is_not_taken_without_end(inbox: SqlInbox) -> None:
    await ask(inbox, None, 50)
    claims = await asyncio.gather(*(inbox.claim("dead", 60, ["web"]) for _ in range(50)))
    await asyncio.gather(*(inbox.decide(claim, answer()) for claim in claims if claim))
    await asyncio.gather(*(inbox.hand_back(claim) for claim in claims if claim))
    worker = new_worker(inbox, Limits(at_once=4, quick=2))

    assert await taken(worker) == 6
    await worker.drain()


async def test_a_command_does_not_wait_behind_answers(inbox: SqlInbox) -> None:
    await ask(inbox, None, 8)
    worker = new_worker(inbox, Limits(at_once=4, quick=2))
    before = await taken(worker)

    await ask(inbox, "help", 8, "another")

    assert (before, await taken(worker)) == (4, 6)
    await worker.drain()


async def test_what_was_claimed_beside_a_fault_of_ours_is_given_back(
    inbox: SqlInbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    await ask(inbox, None, 2)
    claim, calls = inbox.claim, []

    async def broken(*wanted: Any, **more: Any) -> Claim | None:
        calls.append(wanted)
        if len(calls) == 3:
            raise RuntimeError("a fault of ours")
        return await claim(*wanted, **more)

    monkeypatch.setattr(inbox, "claim", broken)
    with pytest.raises(RuntimeError, match="a fault of ours"):
        await new_worker(inbox, Limits())._claim(3, quick_only=False)

    assert await Rows(inbox._database).select(LEASED) == [(0,)]
