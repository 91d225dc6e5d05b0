"""Calls that come together are carried out together: one transaction, many rows a statement."""

from __future__ import annotations

import asyncio
import contextlib
from collections import defaultdict
from typing import TYPE_CHECKING, Any, TypeAlias, TypeVar

from adapters.stores.sql.troubles import GaveWay
from conversation.errors import PlauschError, StoreUnavailable

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

    from adapters.stores.sql.statements import Connection

Item = TypeVar("Item")
Result = TypeVar("Result")
Statements: TypeAlias = "Callable[[Connection, Sequence[Item]], Awaitable[Sequence[Result | PlauschError]]]"
Seen: TypeAlias = "Callable[[Any], object]"
Waiting: TypeAlias = "tuple[Any, Any, asyncio.Future[Any], bool, Seen]"
Outcome: TypeAlias = "tuple[asyncio.Future[Any], Any]"
Transactions: TypeAlias = "Callable[[], contextlib.AbstractAsyncContextManager[Any]]"

MOST_AT_ONCE = 500
"""Calls in one transaction: both databases take some 32,000 values in one statement."""
_TRIES = 5


def nobody(_result: object) -> None:
    """Nobody asked to be told."""


class Gathering:
    """Gathers calls while a transaction is under way; the next one carries out all of them."""

    def __init__(self, transaction: Transactions, durable: Callable[[], Awaitable[None]] | None = None) -> None:
        """``durable`` returns once all that was committed lasts; without it, a commit does when it returns."""
        self._transaction = transaction
        self._durable = durable
        self._pending: list[Waiting] = []
        self._working: asyncio.Task[None] | None = None
        self._settling: set[asyncio.Task[None]] = set()

    async def aclose(self) -> None:
        """Return when everything that waits is done."""
        if self._working is not None:
            await asyncio.wait({self._working})
        await asyncio.gather(*self._settling)

    async def add(
        self, statements: Statements[Item, Result], item: Item, *, lasting: bool = True, seen: Seen = nobody
    ) -> Result:
        """Run ``statements`` for this item, with whatever else waits; return after the commit.

        ``lasting``: return no earlier than that it is durable. ``seen`` is called with the result once others can see
        it.

        ``statements`` gets all waiting items of its kind and returns a result, or the error to raise, for each.
        """
        done: asyncio.Future[Result] = asyncio.get_running_loop().create_future()
        # Whoever waits may be cancelled, which cancels only this: then nobody asks for the error.
        done.add_done_callback(lambda settled: settled.cancelled() or settled.exception())
        self._pending.append((statements, item, done, lasting, seen))
        if self._working is None or self._working.done():
            self._working = asyncio.create_task(self._work())
        return await done

    async def _work(self) -> None:
        while self._pending:
            batch, self._pending = self._pending[:MOST_AT_ONCE], self._pending[MOST_AT_ONCE:]
            try:
                await self._commit_or_each(batch)
            except StoreUnavailable as trouble:
                for _, _, done, *_ in batch:
                    _settle(done, StoreUnavailable(*trouble.args))
            except asyncio.CancelledError:
                # The loop ends all that runs. Who hands something back meanwhile must not wait for this one.
                for _, _, done, *_ in batch:
                    _settle(done, StoreUnavailable("the process ends"))
                if self._pending:
                    self._working = asyncio.create_task(self._work())
                raise

    async def _commit_or_each(self, batch: Sequence[Waiting]) -> None:
        try:
            await self._commit(batch)
        except StoreUnavailable:
            raise
        except Exception:  # noqa: BLE001 - one poisonous item must not fail its neighbours: each again, alone
            await self._commit_each(batch)

    async def _commit(self, batch: Sequence[Waiting]) -> None:
        for _ in range(_TRIES - 1):
            with contextlib.suppress(GaveWay):
                return await self._commit_once(batch)
        return await self._commit_once(batch)

    async def _commit_once(self, batch: Sequence[Waiting]) -> None:
        kinds: defaultdict[Any, list[Waiting]] = defaultdict(list)
        for waiting in batch:
            kinds[waiting[0]].append(waiting)
        settled: list[tuple[Waiting, Any]] = []
        async with self._transaction() as connection:
            for statements, alike in kinds.items():
                settled += zip(alike, await statements(connection, [item for _, item, *_ in alike]), strict=True)
        now: list[Outcome] = []
        later: list[Outcome] = []
        for (_, _, done, lasting, seen), result in settled:
            (later if lasting and self._durable else now).append((done, result))
            if not isinstance(result, BaseException):
                seen(result)
        _settle_all(now)
        if later and self._durable:
            task = asyncio.create_task(_settle_durable(later, self._durable))
            self._settling.add(task)
            task.add_done_callback(self._settling.discard)

    async def _commit_each(self, batch: Sequence[Waiting]) -> None:
        for one in batch:
            try:
                await self._commit([one])
            except Exception as trouble:  # noqa: BLE001 - whoever waits gets the error
                _settle(one[2], trouble)


async def _settle_durable(outcomes: Sequence[Outcome], durable: Callable[[], Awaitable[None]]) -> None:
    # Else it is committed, and may come to last all the same: as after any commit whose outcome nobody knows.
    problem: StoreUnavailable | None = StoreUnavailable("the process ends")
    try:
        await durable()
        problem = None
    except StoreUnavailable as trouble:
        problem = trouble
    finally:
        for done, result in outcomes:
            _settle(done, StoreUnavailable(*problem.args) if problem else result)


def _settle_all(outcomes: Sequence[Outcome]) -> None:
    for done, result in outcomes:
        _settle(done, result)


def _settle(done: asyncio.Future[Any], result: object) -> None:
    if done.done():
        return
    if isinstance(result, BaseException):
        done.set_exception(result)
    else:
        done.set_result(result)
