"""Whatever is asked of the inbox in whatever order, it does what a small model of it does."""

from __future__ import annotations

import itertools
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from adapters.stores.sql.inbox import SqlInbox
from conversation.errors import LeaseLost
from conversation.messages import ConversationKey
from conversation.turns import Claim, EndingKind, OpenTurns
from tests.support.inbox_model import LIMIT, ModelRoom, ModelTurn
from tests.support.words import answer, question

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from adapters.stores.sql.database import Database
    from tests.support.databases import Rows

ROOMS = 3
_runs = itertools.count(1)

STEPS = [
    *("ask", "ask", "ask", "ask", "command", "again", "edit", "edit of what is not there", "context", "stop"),
    *("claim", "claim", "claim", "claim", "claim quick", "retry"),
    *("renew", "send", "decide", "decide", "decide", "decide afresh", "park", "shown", "shown", "shown"),
    *("fail", "hand back", "hand back and rest", "undeliverable", "lease ends", "pause ends", "stop by command"),
]


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(steps=st.lists(st.tuples(st.sampled_from(STEPS), st.integers(0, 5)), min_size=10, max_size=40))
async def test_the_inbox_does_what_its_model_does(database: Database, rows: Rows, steps: list[tuple[str, int]]) -> None:
    walk = Walk(SqlInbox(database, OpenTurns(conversation=LIMIT)), rows, f"p{next(_runs)}")
    for step, number in steps:
        await walk.take(step, number)
        await walk.compare()


@dataclass(slots=True)
class Walk:
    """Both inboxes, side by side, in a few rooms of a platform that no other walk has."""

    inbox: SqlInbox
    rows: Rows
    platform: str
    rooms: list[ModelRoom] = field(default_factory=lambda: [ModelRoom() for _ in range(ROOMS)])
    claims: list[tuple[Claim, ModelRoom, ModelTurn]] = field(default_factory=list)
    said: list[tuple[int, str, str | None]] = field(default_factory=list)
    now: int = 0

    def key(self, number: int) -> ConversationKey:
        return ConversationKey(self.platform, "w", "c", str(number % ROOMS))

    async def take(self, step: str, number: int) -> None:
        self.now += 1
        match step:
            case "ask" | "command" | "context" | "stop":
                command = {"command": "help", "stop": "stop"}.get(step)
                await self.put(number, f"m{len(self.said)}", "", command, addressed=step != "context")
            case "edit of what is not there":
                await self.put(number, f"unseen {number}", "1", None)
            case "stop by command":
                await self.stop_by_command()
            case "claim" | "claim quick":
                await self.claim(quick_only=step == "claim quick")
            case "retry":
                await self.retry(number)
            case "lease ends" | "pause ends":
                await self.time_passes(step)
            case "again" | "edit":
                await self.put_again(step, number)
            case _ if self.claims:
                await self.end(step, *self.claims[-1 - number % min(2, len(self.claims))])

    async def put_again(self, step: str, number: int) -> None:
        if self.said:
            room, identity, command = self.said[number % len(self.said)]
            await self.put(room, identity, str(number) if step == "edit" else "", None if step == "edit" else command)

    async def time_passes(self, step: str) -> None:
        if step == "lease ends":
            await self.rows.expire_leases()
        else:
            await self.rows.change("UPDATE conversations SET not_before = NULL")
        for room in self.rooms:
            room.leased = room.leased and step != "lease ends"
            room.paused = room.paused and step != "pause ends"

    async def put(self, number: int, identity: str, edit: str, command: str | None, *, addressed: bool = True) -> None:
        room = self.rooms[number % ROOMS]
        message = question(key=self.key(number), identity=identity, edit=edit, addressed=addressed)
        new, stopped = room.put(identity, edit, command, addressed=addressed, now=self.now)
        if new and not edit:
            self.said.append((number, identity, command))

        receipt = await self.inbox.put(message, command)

        assert (receipt.new, len(receipt.stopped)) == (new, len(stopped))
        turn = room.known[identity, edit]
        assert (receipt.turn_id is None) == (turn is None)

    async def stop_by_command(self) -> None:
        running = [(room, turn) for room in self.rooms for turn in room.turns if turn.state == "open"]
        for room, turn in running:
            turn.stop, room.paused = True, False

        stopped = await self.inbox.stop_answers_to("anna", self.platform, "w", "c")

        assert len(stopped) == len(running)

    async def retry(self, number: int) -> None:
        turns = [(room, turn) for room in self.rooms for turn in room.turns]
        if not turns:
            return
        # Those that were put aside, where there are any.
        room, turn = min(turns, key=lambda one: (not one[1].parked, (one[1].position + number) % 3))
        waited = room.oldest is not None
        (row,) = await self.rows.select(
            "SELECT t.id FROM turns t JOIN conversations c ON c.id = t.conversation_id"
            " WHERE c.platform = :platform AND c.thread = :thread AND t.position = :position",
            platform=self.platform,
            thread=str(self.rooms.index(room)),
            position=turn.position,
        )
        could = turn.retry()

        assert await self.inbox.retry(str(row[0])) is could

        if could:
            room.paused = False
            room.lined_up = room.lined_up if waited else self.now

    async def claim(self, *, quick_only: bool) -> None:
        line = [room for room in self.rooms if room.can_be_claimed and (room.is_quick or not quick_only)]
        claim = await self.inbox.claim("worker", 60, [self.platform], quick_only=quick_only)
        assert (claim is not None) == bool(line)
        if claim is None:
            return
        room = self.rooms[int(claim.conversation.thread)]
        assert room.in_line[:2] == min(one.in_line for one in line)[:2]
        assert room.held_by or room is min(line, key=lambda one: one.in_line)
        turn, took_over = room.claim()
        assert (claim.position, claim.fence, claim.revision) == (turn.position, room.fence, turn.revision)
        assert claim.took_over is took_over
        assert (claim.command, claim.failures, claim.stop_requested) == (turn.command, turn.failures, turn.stop)
        assert (claim.ending is not None) == (turn.state == "decided")
        if turn.position >= room.since:
            assert claim.since == room.since
        self.claims.append((claim, room, turn))

    async def end(self, step: str, claim: Claim, room: ModelRoom, turn: ModelTurn) -> None:
        call = self.call(step, claim)
        if room.held_by != claim.fence:
            with pytest.raises(LeaseLost):
                await call
            return
        result = await call
        match step:
            case "renew":
                room.leased = True
                assert result is turn.stop
            case "decide" | "decide afresh" | "park":
                turn.state, turn.parked = "decided", step == "park"
                room.since = max(room.since, claim.position + 1) if step == "decide afresh" else room.since
            case "shown" | "undeliverable":
                turn.state = step
                room.free(self.now, paused=room.paused)
                room.took_over = False
            case "fail":
                turn.failures += 1
                room.free(self.now, paused=True)
            case "hand back" | "hand back and rest":
                rests = step == "hand back and rest"
                room.free(self.now, paused=rests, back=rests)

    def call(self, step: str, claim: Claim) -> Awaitable[object]:
        afresh = answer(kind=EndingKind.NOTICE, starts_afresh=True)
        aside = answer(kind=EndingKind.PARKED)
        calls: dict[str, Callable[[], Awaitable[object]]] = {
            "renew": lambda: self.inbox.renew(claim, 60),
            "send": lambda: self.inbox.sending(claim, 0),
            "decide": lambda: self.inbox.decide(claim, answer()),
            "decide afresh": lambda: self.inbox.decide(claim, afresh),
            "park": lambda: self.inbox.decide(claim, aside),
            "shown": lambda: self.inbox.shown(claim),
            "undeliverable": lambda: self.inbox.undeliverable(claim, "blocked"),
            "fail": lambda: self.inbox.fail(claim, "ValueError", 60),
            "hand back": lambda: self.inbox.hand_back(claim),
            "hand back and rest": lambda: self.inbox.hand_back(claim, 60),
        }
        return calls[step]()

    async def compare(self) -> None:
        """What stands in the tables is what the model has."""
        turns = await self.rows.select(
            "SELECT c.thread, t.position, t.command, t.state, t.stop_requested_at IS NOT NULL, t.failures,"
            " t.claims, t.revision FROM turns t JOIN conversations c ON c.id = t.conversation_id"
            " WHERE c.platform = :platform"
            " ORDER BY c.thread, t.position",
            platform=self.platform,
        )
        assert [tuple(turn) for turn in turns] == [
            (str(number), turn.position, turn.command, turn.state, turn.stop, turn.failures, turn.claims, turn.revision)
            for number, room in enumerate(self.rooms)
            for turn in room.turns
        ]
        # Whoever waits is found by this column, and by nothing else.
        waiting = await self.rows.select(
            "SELECT thread FROM conversations WHERE platform = :platform AND waiting_since IS NOT NULL ORDER BY thread",
            platform=self.platform,
        )
        assert [int(row[0]) for row in waiting] == [n for n, room in enumerate(self.rooms) if room.oldest is not None]
