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

    from sqlalchemy.ext.asyncio import AsyncConnection

Item = TypeVar("Item")
Result = TypeVar("Result")
Statements: TypeAlias = "Callable[[AsyncConnection, Sequence[Item]], Awaitable[Sequence[Result | PlauschError]]]"
Waiting: TypeAlias = "tuple[Any, Any, asyncio.Future[Any]]"
Transactions: TypeAlias = "Callable[[], contextlib.AbstractAsyncContextManager[AsyncConnection]]"

MOST_AT_ONCE = 500
"""Calls in one transaction: both databases take some 32,000 values in one statement."""
_TRIES = 5


class Gathering:
    """Gathers calls while a transaction is under way; the next one carries out all of them."""

    def __init__(self, transaction: Transactions) -> None:
        self._transaction = transaction
        self._pending: list[Waiting] = []
        self._working: asyncio.Task[None] | None = None

    async def aclose(self) -> None:
        """Return when everything that waits is done."""
        if self._working is not None:
            await self._working

    async def add(self, statements: Statements[Item, Result], item: Item) -> Result:
        """Run ``statements`` for this item, with whatever else waits; return after the commit.

        ``statements`` gets all waiting items of its kind and returns a result, or the error to raise, for each.
        """
        done: asyncio.Future[Result] = asyncio.get_running_loop().create_future()
        # Whoever waits may be cancelled: then nobody asks for the error.
        done.add_done_callback(lambda settled: settled.exception())
        self._pending.append((statements, item, done))
        if self._working is None or self._working.done():
            self._working = asyncio.create_task(self._work())
        return await asyncio.shield(done)

    async def _work(self) -> None:
        while self._pending:
            batch, self._pending = self._pending[:MOST_AT_ONCE], self._pending[MOST_AT_ONCE:]
            try:
                await self._commit(batch)
            except StoreUnavailable as trouble:
                for _, _, done in batch:
                    _settle(done, StoreUnavailable(*trouble.args))
            except Exception:  # noqa: BLE001 - one poisonous item must not fail its neighbours: each again, alone
                await self._commit_each(batch)

    async def _commit(self, batch: Sequence[Waiting]) -> None:
        for _ in range(_TRIES - 1):
            with contextlib.suppress(GaveWay):
                return await self._commit_once(batch)
        return await self._commit_once(batch)

    async def _commit_once(self, batch: Sequence[Waiting]) -> None:
        kinds: defaultdict[Any, list[tuple[Any, asyncio.Future[Any]]]] = defaultdict(list)
        for statements, item, done in batch:
            kinds[statements].append((item, done))
        results: list[tuple[asyncio.Future[Any], Any]] = []
        async with self._transaction() as connection:
            for statements, items in kinds.items():
                outcome = await statements(connection, [item for item, _ in items])
                results.extend(zip((done for _, done in items), outcome, strict=True))
        for done, result in results:
            _settle(done, result)

    async def _commit_each(self, batch: Sequence[Waiting]) -> None:
        for one in batch:
            try:
                await self._commit([one])
            except Exception as trouble:  # noqa: BLE001 - whoever waits gets the error
                _settle(one[2], trouble)


def _settle(done: asyncio.Future[Any], result: object) -> None:
    if done.done():
        return
    if isinstance(result, BaseException):
        done.set_exception(result)
    else:
        done.set_result(result)
