"""Processes are told to end under load and others come: a drain, and a deployment of a new version."""

from __future__ import annotations

import asyncio
import contextlib
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Self, TypeVar

from adapters.stores.sql.upgrade import missing_migrations
from tests.faults.first_revision import to_first
from tests.faults.load import Size, ask
from tests.faults.scenario import Scenario
from tests.faults.transcript import marks_in
from tests.support.databases import Rows

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from types import TracebackType

    from tests.faults.stage import Stage

T = TypeVar("T")
# What the version before writes on a message's way, each statement a transaction. No process of this version serves its
# platform, so that none takes these turns away.
_OLD_WAY = """
INSERT INTO conversations (id, platform, workspace, channel, thread, direct, waiting_since)
VALUES ('{room}', 'old', 'w', '', '{room}', true, now());
INSERT INTO turns (id, conversation_id, position, state, arrived_at) VALUES ('{turn}', '{room}', 1, 'open', now());
UPDATE conversations SET fence = fence + 1, lease_owner = 'old', lease_ends = now() + interval '15 s'
 WHERE id = '{room}' AND lease_owner IS NULL;
UPDATE turns SET state = 'shown' WHERE id = '{turn}';
UPDATE conversations SET lease_owner = NULL, lease_ends = NULL, waiting_since = NULL WHERE id = '{room}'
"""
_OLD_WORKERS = 3
_SLOW_TOKEN = 0.06
# Placeholders and claims that a worker has when it is told to end.
_FEW = 5
_HANDED_BACK_WITHIN = 2.0
_OPEN = "SELECT id FROM turns WHERE state = 'open'"
_NEXT = f"""
SELECT turns.id AS turn, (SELECT count(*) FROM sends WHERE turn_id = turns.id) AS sends,
       (SELECT count(*) FROM sends WHERE turn_id = turns.id AND message_id <> '') AS seen
  FROM conversations JOIN turns ON conversation_id = conversations.id
 WHERE turns.id IN ({_OPEN})
   AND position = (SELECT min(position) FROM turns AS t
                    WHERE t.conversation_id = conversations.id AND t.state IN ('open', 'decided'))
"""  # noqa: S608 - our own words
_HELD_BY = f"{_NEXT} AND lease_owner LIKE :owner"
_LEFT = f"{_NEXT} AND lease_owner IS NULL"


class Post:
    """The place of one process, which is filled anew when it ends."""

    def __init__(self, stage: Stage, role: str) -> None:
        self._stage, self._role = stage, role
        self._life = contextlib.AsyncExitStack()
        self.pid = 0

    async def __aenter__(self) -> Self:
        fleet = await self._life.enter_async_context(self._stage.processes(role=self._role))
        await fleet.ready()
        self.pid = fleet.processes[0].process.pid
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._life.aclose()

    async def end(self) -> None:
        """SIGTERM, and wait for its end."""
        await self._life.aclose()

    async def replace(self) -> None:
        """SIGTERM, and once it has ended the next one."""
        await self.end()
        await self.__aenter__()


# ── a deployment ─────────────────────────────────────────────────────────────────────────────────────────────────────


async def deployed(stage: Stage) -> None:
    """The version before works on its schema; the new one's first process brings it up to date beside that, then all
    four processes of it are replaced one by one while people ask.
    """
    rows = Rows(stage.database)
    await rows.change("DROP SCHEMA public CASCADE")
    await rows.change("CREATE SCHEMA public")
    await to_first(stage.database_url)
    await stage.database.engine.dispose()
    crowd = stage.on_telegram(webhook=True)
    done = asyncio.Event()
    old = asyncio.gather(*(_old_worker(rows, number, done) for number in range(_OLD_WORKERS)))
    async with contextlib.AsyncExitStack() as running:
        await running.enter_async_context(_under_way(old))
        posts = [Post(stage, role) for role in ("web", "worker", "web", "worker")]
        await running.enter_async_context(posts[0])
        assert not await missing_migrations(stage.database)
        for post in posts[1:]:
            await running.enter_async_context(post)
        asking = await running.enter_async_context(_under_way(asyncio.create_task(ask(crowd, stage.size))))
        await _replace_all(posts, 1)
        done.set()
        await _forget_the_old(rows, sum(await old))
        await _replace_all(posts, 1 if stage.size.seconds else 0)
        await asking
        await stage.settled()


@contextlib.asynccontextmanager
async def _under_way(work: asyncio.Future[T]) -> AsyncIterator[asyncio.Future[T]]:
    """Cancelled where the scenario breaks off before it ends."""
    try:
        yield work
    finally:
        work.cancel()
        await asyncio.gather(work, return_exceptions=True)


async def _replace_all(posts: list[Post], times: int) -> None:
    for _ in range(times):
        for post in posts:
            await post.replace()


async def _old_worker(rows: Rows, number: int, done: asyncio.Event) -> int:
    """Messages on their way through a worker of the version before; how many there were."""
    served = 0
    while not done.is_set():
        tail = f"{number:04}{served:08}"
        room, turn = f"00000000-0000-7000-8000-{tail}", f"00000000-0000-7000-9000-{tail}"
        for statement in _OLD_WAY.split(";"):
            await rows.change(statement.format(room=room, turn=turn))
        served += 1
    return served


async def _forget_the_old(rows: Rows, served: int) -> None:
    """All of them were served; the checker counts people's alone."""
    old = "SELECT id FROM conversations WHERE platform = 'old'"
    counted = f"SELECT count(*) FROM turns WHERE state = 'shown' AND conversation_id IN ({old})"  # noqa: S608 - ours
    assert await rows.select(counted) == [(served,)]
    await rows.change(f"DELETE FROM turns WHERE conversation_id IN ({old})")  # noqa: S608 - the same
    await rows.change("DELETE FROM conversations WHERE platform = 'old'")


# ── a drain ──────────────────────────────────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True, slots=True)
class Held:
    """Turns that a worker is at: people see something of the answer, if only its "…", or they see nothing yet."""

    visible: frozenset[str]
    hidden: frozenset[str]

    @classmethod
    async def by(cls, worker: Post, rows: Rows) -> Self:
        """As the database tells it. A send under way belongs to neither."""
        found = await rows.select(_HELD_BY, owner=f"%:{worker.pid}:%")
        return cls(
            frozenset(str(row.turn) for row in found if row.seen),
            frozenset(str(row.turn) for row in found if not row.sends),
        )


async def drained(stage: Stage) -> None:
    """Of two busy workers one is told to end, again and again: answers that people see are ended by it, the others are
    handed back at once and taken by its colleague.
    """
    stage.tgi.pace.seconds = _SLOW_TOKEN
    rows, crowd, times = Rows(stage.database), stage.on_telegram(webhook=True), 0
    async with (
        Post(stage, "web"),
        Post(stage, "worker") as first,
        Post(stage, "worker") as second,
        _under_way(asyncio.create_task(ask(crowd, stage.size))) as asking,
    ):
        workers = [first, second]
        while held := await _busy(rows, workers[0], asking):
            await _drain(stage, rows, workers[0], held)
            times += 1
            await workers[0].replace()
            workers.reverse()
        await asking
        await stage.settled()
    assert times, "no worker was ever busy"


async def _busy(rows: Rows, worker: Post, asking: asyncio.Future[None]) -> Held | None:
    """What the worker is at once that is enough of either kind; None where everything is asked before."""
    while not asking.done():
        held = await Held.by(worker, rows)
        if len(held.visible) >= _FEW and held.hidden:
            return held
        await asyncio.sleep(0.02)
    return None


async def _drain(stage: Stage, rows: Rows, worker: Post, held: Held) -> None:
    ending = asyncio.create_task(worker.end())
    await asyncio.sleep(_HANDED_BACK_WITHIN)
    kept = held.hidden & (await Held.by(worker, rows)).hidden
    left = held.hidden & {str(row.turn) for row in await rows.select(_LEFT)}
    await ending
    assert not kept, f"{len(kept)} of {len(held.hidden)} turns were not handed back at once: {sorted(kept)}"
    assert not left, f"{len(left)} of {len(held.hidden)} turns were handed back and not taken: {sorted(left)}"
    open_still = held.visible & {str(row.id) for row in await rows.select(_OPEN)}
    assert not open_still, f"{len(open_still)} of {len(held.visible)} answers that people saw were not ended"
    asked = Counter(marks_in(body["inputs"])[-1] for body in stage.tgi.requests)
    questions = await rows.select("SELECT turn_id, text FROM messages WHERE turn_id IS NOT NULL")
    twice = [row.text for row in questions if str(row.turn_id) in held.visible and asked[marks_in(row.text)[0]] > 1]
    assert not twice, f"{len(twice)} of {len(held.visible)} answers that people saw were begun anew: {twice}"


SCENARIOS = (
    Scenario("a rolling deployment", deployed, "postgresql", Size(150, 8, 50), Size(6, 2), 4),
    Scenario("workers drained", drained, "postgresql", Size(100, 8, 40), Size(20, 4, 6), 3),
)
