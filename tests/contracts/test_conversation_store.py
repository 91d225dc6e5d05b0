"""What a conversation store promises, on both databases, with and without the hot copy in Redis."""

from __future__ import annotations

import itertools
from contextlib import aclosing
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from adapters.stores.redis.connection import connect
from adapters.stores.redis.hot_window import HotWindow
from conversation.messages import ConversationKey
from conversation.turns import Claim, EndingKind
from tests.support.desk import PATIENCE_SECONDS, Desk, desk_of
from tests.support.words import ROOM, answer, question

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from redis.asyncio import Redis

    from adapters.stores.sql.database import Database
    from conversation.ports import ConversationStore
    from tests.support.databases import Rows
    from tests.support.valkey import Valkey

_numbers = itertools.count(1)


@pytest.fixture
async def desk(database: Database, valkey: Valkey) -> AsyncIterator[Desk]:
    async with desk_of(database, valkey) as opened:
        yield opened


@pytest.fixture(params=["sql", "redis in front of sql"])
def store(request: pytest.FixtureRequest, desk: Desk) -> ConversationStore:
    return desk.sql if request.param == "sql" else desk.hot


async def test_the_window_of_a_turn_holds_what_was_said_before_it(desk: Desk, store: ConversationStore) -> None:
    await desk.answered("Frage 1", "Frage 2")
    claim = await desk.asked("Frage 3")
    await desk.inbox.put(question("Frage 4"))

    for _ in range(2):
        window = await store.window(claim.conversation_id, claim.since, claim.position)
        assert [(one.position, one.questions[0].text, one.answer) for one in window] == [
            (1, "Frage 1", "Antwort auf Frage 1"),
            (2, "Frage 2", "Antwort auf Frage 2"),
        ]


async def test_the_window_begins_where_it_was_cut(desk: Desk, store: ConversationStore) -> None:
    await desk.answered("Frage 1", "Frage 2")
    await desk.end(await desk.asked("Frage 3"), cut=2)
    claim = await desk.asked("Frage 4")

    window = await store.window(claim.conversation_id, claim.since, claim.position)

    assert [one.position for one in window] == [2, 3]


async def test_a_fresh_start_leaves_nothing_in_the_window(desk: Desk, store: ConversationStore) -> None:
    await desk.answered("Frage 1")
    await desk.inbox.put(question("neu"), "new")
    claim = await desk.claim()
    await desk.inbox.decide(claim, answer(kind=EndingKind.NOTICE, starts_afresh=True))
    await desk.inbox.shown(claim)
    claim = await desk.asked()

    assert await store.window(claim.conversation_id, claim.since, claim.position) == []


async def test_the_log_is_told_from_the_beginning(desk: Desk, store: ConversationStore) -> None:
    await desk.answered("Frage 1", "Frage 2")

    assert [turn.questions[0].text for turn in await store.log(ROOM)] == ["Frage 1", "Frage 2"]


async def test_one_conversation_has_nothing_of_another(desk: Desk, store: ConversationStore) -> None:
    for text, key in (("meins", ROOM), ("fremd", ConversationKey("web", "web", "", "other"))):
        await desk.inbox.put(question(text, key))
        await desk.end(first := await desk.claim())
        await desk.inbox.put(question(f"noch einmal {text}", key))
        claim = await desk.claim()

        for _ in range(2):
            window = await store.window(claim.conversation_id, claim.since, claim.position)
            assert [one.questions for one in window] == [first.messages]


STEPS = [
    *("ask", "ask", "ask", "ask in two", "command", "afresh"),
    *("answer", "answer", "answer", "answer and cut", "parked", "retry", "blocked", "stalled", "handed back"),
    *("flushed", "garbage", "older copy", "gone", "back"),
]


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(steps=st.lists(st.sampled_from(STEPS), min_size=10, max_size=30))
async def test_with_and_without_redis_the_same_is_told_whatever_happens(
    desk: Desk, rows: Rows, steps: list[str]
) -> None:
    key = ConversationKey("web", "web", "", f"random-{next(_numbers)}")
    async with connect("unix:///nowhere/valkey.sock") as nobody:
        walk = Walk(replace(desk, key=key), rows, nobody)
        for step in steps:
            await walk.take(step)
        while await walk.turn("answer"):
            pass


@dataclass(slots=True)
class Walk:
    """A conversation in which anything may happen, and whose window is compared at each turn."""

    desk: Desk
    rows: Rows
    nobody: Redis
    name: str = ""
    is_gone: bool = False
    copies: list[bytes] = field(default_factory=list)

    async def take(self, step: str) -> None:
        match step:
            case "ask" | "ask in two" | "command" | "afresh":
                await self._ask(step)
            case "flushed" | "garbage" | "older copy" if self.name:
                await self._disturb(step)
            case "retry" if parked := await self.desk.inbox.parked():
                await self.desk.inbox.retry(parked[0].turn_id)
            case "gone" | "back":
                self.is_gone = step == "gone"
            case _:
                await self.turn(step)

    async def turn(self, step: str) -> bool:
        """Answer a turn, or what else may become of it; False where none waits."""
        claim = await self.desk.inbox.claim("first", 30, ["web"])
        if claim is None:
            return False
        self.name = f"plausch:window:{claim.conversation_id}"
        if claim.command:
            await self.desk.inbox.decide(claim, answer(starts_afresh=claim.command == "new"))
            await self.desk.inbox.shown(claim)
            return True
        # Each turn is another process's, which knows nothing of outages before.
        client = self.nobody if self.is_gone else self.desk.client
        async with aclosing(HotWindow(self.desk.sql, client, PATIENCE_SECONDS)) as hot:
            await replace(self.desk, hot=hot).window(claim)
        await self._end(claim, step)
        return True

    async def _ask(self, step: str) -> None:
        command = {"command": "help", "afresh": "new"}.get(step)
        for _ in range(2 if step == "ask in two" else 1):
            await self.desk.inbox.put(question(f"{step} {next(_numbers)}", self.desk.key), command)

    async def _end(self, claim: Claim, step: str) -> None:
        match step:
            case "parked":
                await self.desk.inbox.decide(claim, answer("", kind=EndingKind.PARKED))
                await self.desk.inbox.shown(claim)
            case "blocked":
                await self.desk.inbox.undeliverable(claim, "blocked")
            case "stalled":
                await self.rows.expire_leases()
            case "handed back":
                await self.desk.inbox.hand_back(claim)
            case _:
                cut = (claim.since + claim.position) // 2 if step == "answer and cut" else claim.since
                await self.desk.end(claim, f"Antwort {next(_numbers)}", cut)

    async def _disturb(self, step: str) -> None:
        copy = await self.desk.client.get(self.name)
        if isinstance(copy, bytes):
            self.copies.append(copy)
        match step:
            case "flushed":
                await self.desk.client.flushall()
            case "garbage":
                await self.desk.client.set(self.name, b"\x78\x9c garbage")
            case "older copy" if self.copies:
                await self.desk.client.set(self.name, self.copies[0])
