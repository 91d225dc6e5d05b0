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
OLD_AFTER = 8
"""A copy is made anew once so many exchanges were read beside it: packing it takes longer than reading a few."""
MOST_GAPS = 3
"""A copy with more of them costs more to prove than to read anew."""
KEPT_SECONDS = 24 * 3600
_FORGET_SECONDS = 2.0
_log = logging.getLogger(__name__)


class HotWindow:
    """``conversation.ports.ConversationStore``: reads what is new from ``store``, and what is old from Redis.

    Turns are answered in order, so whatever stands before a claimed turn is over and changes no more: a copy goes on
    to hold. Its newest exchange is read from the store again, together with all that came after it. Unless it comes
    back the same, the copy is of another time (a restored database, a room that moved, erased text, a turn that was
    asked again) and is not believed. Neither is one that holds the asked turn itself or later ones.

    A turn that was put aside is in no window, and may be asked again at any time, between turns that a copy holds. So
    the store is asked again for the positions that a copy lacks; they are few, or the copy is not believed.
    """

    def __init__(self, store: ConversationStore, client: Redis, patience_seconds: float = PATIENCE_SECONDS) -> None:
        self._store = store
        self._client = client
        self._asking = Asking(patience_seconds)

    async def window(self, conversation_id: str, since: int, before: int) -> Sequence[Exchange]:
        """The exchanges from ``since`` to before ``before``, oldest first."""
        copy = await self._asking.ask(lambda: self._copy(conversation_id), None)
        held = _held(copy, since, before)
        if held and await self._has_grown(conversation_id, _gaps(held, since)):
            held = []
        recent = list(await self._store.window(conversation_id, held[-1].position if held else since, before))
        if recent[:1] != held[-1:] and held:
            held, recent = [], list(await self._store.window(conversation_id, since, before))
        window = [*held[:-1], *recent]
        if (recent and not held) or len(recent) > OLD_AFTER:
            await self._asking.ask(lambda: self._keep(conversation_id, Copy(since, tuple(window))), None)
        return window

    async def log(self, conversation: ConversationKey) -> Sequence[LoggedTurn]:
        """The whole conversation, oldest first."""
        return await self._store.log(conversation)

    async def aclose(self) -> None:
        """End what Redis was asked and did not answer. The client stays open: it is not ours."""
        await self._asking.aclose()

    async def forget(self, conversation_id: str) -> bool:
        """Erase the copy. False: Redis can't be reached now, and it may last until its day is over."""
        with contextlib.suppress(*TROUBLE):
            async with asyncio.timeout(_FORGET_SECONDS):
                await self._client.delete(_key(conversation_id))
                return True
        return False

    async def _has_grown(self, conversation_id: str, gaps: Sequence[tuple[int, int]]) -> bool:
        """Whether something stands by now where the copy has nothing."""
        if len(gaps) > MOST_GAPS:
            return True
        for begin, end in gaps:
            if await self._store.window(conversation_id, begin, end):
                return True
        return False

    async def _copy(self, conversation_id: str) -> Copy | None:
        raw = await self._client.get(_key(conversation_id))
        try:
            return None if raw is None else unpack(raw)
        except Unreadable:
            _log.warning("the copy of a window can't be read and is made anew")
            return None

    async def _keep(self, conversation_id: str, copy: Copy) -> None:
        await self._client.set(_key(conversation_id), pack(copy), ex=KEPT_SECONDS)


def _held(copy: Copy | None, since: int, before: int) -> list[Exchange]:
    """What the copy has of this window; nothing where it begins later, or knows of what comes after."""
    if copy is None or copy.since > since:
        return []
    held = [exchange for exchange in copy.exchanges if exchange.position >= since]
    return held if held and held[-1].position < before else []


def _gaps(held: Sequence[Exchange], since: int) -> list[tuple[int, int]]:
    """The positions that are not held, each as a first one and the one after its last."""
    ends = [since, *(exchange.position + 1 for exchange in held)]
    return [(end, exchange.position) for end, exchange in zip(ends, held, strict=False) if end < exchange.position]


def _key(conversation_id: str) -> str:
    return f"plausch:window:{conversation_id}"
