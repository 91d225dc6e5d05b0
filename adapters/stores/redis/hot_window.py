"""A hot copy of each conversation's recent window in Redis, in front of the store that knows the truth."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from typing import TYPE_CHECKING

from adapters.stores.redis.connection import TROUBLE, Asking
from adapters.stores.redis.exchanges import Copy, Unreadable, pack, unpack

if TYPE_CHECKING:
    from collections.abc import Sequence

    from redis.asyncio import Redis

    from conversation.messages import ConversationKey
    from conversation.ports import ConversationStore
    from conversation.turns import Exchange, LoggedTurn

PATIENCE_SECONDS = 0.05
"""How long an answer waits for the copy; the database is about as fast."""
KEPT_SECONDS = 24 * 3600
_FORGET_SECONDS = 2.0
_log = logging.getLogger(__name__)


class HotWindow:
    """``conversation.ports.ConversationStore``: reads what is new from ``store``, and what is old from Redis.

    Turns are answered in order, so whatever stands before a claimed turn is over and changes no more: a copy goes on
    to hold. Its newest exchange is read from the store again, together with all that came after it. Unless it comes
    back the same, the copy is of another time (a restored database, a room that moved, erased text, a turn that was
    asked again) and is not believed. Neither is one that holds the asked turn itself or later ones: reading the
    window of a turn that is asked again replaces the copy by one that ends before it.
    """

    def __init__(self, store: ConversationStore, client: Redis, patience_seconds: float = PATIENCE_SECONDS) -> None:
        self._store = store
        self._client = client
        self._asking = Asking(patience_seconds)

    async def window(self, conversation_id: str, since: int, before: int) -> Sequence[Exchange]:
        """The exchanges from ``since`` to before ``before``, oldest first."""
        window = await self._from_copy(conversation_id, since, before)
        if window is None:
            window = await self._store.window(conversation_id, since, before)
        if window:
            copy = Copy(since, tuple(window))
            await self._asking.ask(lambda: self._keep(conversation_id, copy), None)
        return window

    async def log(self, conversation: ConversationKey) -> Sequence[LoggedTurn]:
        """The whole conversation, oldest first."""
        return await self._store.log(conversation)

    async def forget(self, conversation_id: str) -> bool:
        """Erase the copy. False: Redis can't be reached now, and it may last until its day is over."""
        with contextlib.suppress(*TROUBLE):
            async with asyncio.timeout(_FORGET_SECONDS):
                await self._client.delete(_key(conversation_id))
                return True
        return False

    async def _from_copy(self, conversation_id: str, since: int, before: int) -> Sequence[Exchange] | None:
        copy = await self._asking.ask(lambda: self._copy(conversation_id), None)
        if copy is None or copy.since > since:
            return None
        held = [exchange for exchange in copy.exchanges if exchange.position >= since]
        if not held or held[-1].position >= before:
            return None
        recent = await self._store.window(conversation_id, held[-1].position, before)
        return [*held[:-1], *recent] if recent and recent[0] == held[-1] else None

    async def _copy(self, conversation_id: str) -> Copy | None:
        raw = await self._client.get(_key(conversation_id))
        try:
            return None if raw is None else unpack(raw)
        except Unreadable:
            _log.warning("the copy of a window can't be read and is made anew")
            return None

    async def _keep(self, conversation_id: str, copy: Copy) -> None:
        await self._client.set(_key(conversation_id), pack(copy), ex=KEPT_SECONDS)


def _key(conversation_id: str) -> str:
    return f"plausch:window:{conversation_id}"
