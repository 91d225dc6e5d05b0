"""The connection to one Redis (or Valkey): a call fails soon rather than waits, and nobody depends on its outcome."""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING, TypeVar

from redis.asyncio import BlockingConnectionPool, Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import RedisError

from adapters.stores.signals.ways import Pauses
from conversation.errors import SettingWrong

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine

Answer = TypeVar("Answer")

# What a Redis that is gone, slow, full or reset raises. What we send is always well-formed.
TROUBLE = (RedisError, OSError, TimeoutError)
# One connection listens; the others are shared by the answers under way, and waiting for one is cheap.
_CONNECTIONS = 16
_SOCKET_SECONDS = 2.0
_log = logging.getLogger(__name__)


def connect(url: str) -> Redis:
    """A client for ``redis://``, ``rediss://`` or ``unix://``; it connects with its first call.

    Raises ``SettingWrong`` where the address can't be read.
    """
    try:
        pool = BlockingConnectionPool.from_url(
            url,
            max_connections=_CONNECTIONS,
            timeout=_SOCKET_SECONDS,
            socket_connect_timeout=_SOCKET_SECONDS,
            socket_timeout=_SOCKET_SECONDS,
            # Trying again is decided here: inside the library it would hide that something may have been missed.
            retry=Retry(NoBackoff(), 0),
            # One round trip less for each connection than version 3, which offers nothing that we use.
            protocol=2,
        )
    except ValueError:
        raise SettingWrong(
            "PLAUSCH_REDIS_URL", "this is no address of a Redis.", "Use redis://host:6379/0, or remove the setting."
        ) from None
    return Redis.from_pool(pool)


class Asking:
    """Asks Redis for what can be had elsewhere: nobody waits longer than ``patience_seconds``.

    After a failure nobody asks for a while, so that a Redis that hangs costs one wait and not one for each answer.
    """

    def __init__(self, patience_seconds: float) -> None:
        self._patience_seconds = patience_seconds
        self._pauses = Pauses(1, 30)
        self._rests_until = 0.0
        self._late: set[asyncio.Task[object]] = set()

    async def ask(self, call: Callable[[], Coroutine[object, object, Answer]], otherwise: Answer) -> Answer:
        """What the call returns, or ``otherwise`` where Redis does not answer in time. Raises nothing."""
        if self._resting():
            return otherwise
        task = asyncio.create_task(call())
        self._late.add(task)
        task.add_done_callback(self._done)
        # A late call goes on: it may be what opens the connection, which then serves the next ones.
        await asyncio.wait({task}, timeout=self._patience_seconds)
        if task.done() and not task.cancelled() and task.exception() is None:
            self._pauses.reset()
            return task.result()
        if not self._resting():
            self._rests_until = asyncio.get_running_loop().time() + self._pauses.next()
        return otherwise

    async def aclose(self) -> None:
        """End what is late."""
        for task in self._late:
            task.cancel()
        await asyncio.gather(*self._late, return_exceptions=True)

    def _resting(self) -> bool:
        return asyncio.get_running_loop().time() < self._rests_until

    def _done(self, task: asyncio.Task[object]) -> None:
        self._late.discard(task)
        trouble = None if task.cancelled() else task.exception()
        if trouble is None:
            return
        if isinstance(trouble, TROUBLE):
            _log.debug("Redis did not answer: %s", type(trouble).__name__)
        else:
            _log.error("asking Redis ended with a fault of ours", exc_info=trouble)
