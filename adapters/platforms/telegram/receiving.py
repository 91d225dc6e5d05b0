"""Updates go in: read, stored, and only then confirmed by whoever brought them."""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING

from adapters.platforms.originals import as_it_came
from adapters.platforms.telegram.normalise import PLATFORM, Moved, Unreadable, chat_of, normalise
from conversation.errors import StoreUnavailable
from conversation.messages import storable

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from adapters.platforms.telegram.entities import Us
    from conversation.messages import Message
    from conversation.ports import Intake

_log = logging.getLogger(__name__)


class Receiver:
    """Hands updates in. What returns is stored (or not for us); ``StoreUnavailable`` means that it is not."""

    def __init__(self, intake: Intake, us: Us, moved: Callable[[str, str], None]) -> None:
        self._intake = intake
        self._us = us
        self._moved = moved

    async def take_all(self, updates: Iterable[object]) -> None:
        """Take updates that came together: each chat's in their order, the chats side by side.

        Raises ``StoreUnavailable`` where one of them was not stored; taking them all again is harmless.
        """
        chats: dict[object, list[object]] = {}
        for update in updates:
            chats.setdefault(chat_of(update), []).append(update)
        outcomes = await asyncio.gather(*map(self._take_in_order, chats.values()), return_exceptions=True)
        for outcome in outcomes:
            if outcome is not None:
                raise outcome

    async def take(self, update: object) -> None:
        """Take one update. An odd one is kept as unreadable: it must not hold up its chat, nor be lost."""
        try:
            event = normalise(update, self._us)
        except Unreadable as problem:
            await self._keep(update, str(problem))
        except Exception as error:  # noqa: BLE001 -- whatever a hostile or future update breaks, its chat goes on
            await self._keep(update, f"not understood: {type(error).__name__}")
        else:
            await self._hand_in(update, event)

    async def keep(self, raw: str, reason: str) -> None:
        """Keep what is not even an update."""
        _log.warning("an update could not be read: %s", reason)
        await self._intake.unreadable(PLATFORM, str(self._us.id), storable(raw), reason)

    async def _take_in_order(self, updates: Iterable[object]) -> None:
        for update in updates:
            await self.take(update)

    async def _hand_in(self, update: object, event: Message | Moved | None) -> None:
        match event:
            case None:
                return
            case Moved(old, new):
                self._moved(str(old), str(new))
                return
        try:
            await self._intake.accept(event)
        except StoreUnavailable:
            raise
        except Exception as error:  # noqa: BLE001 -- a message that can't be stored must not hold up its chat
            await self._keep(update, f"not accepted: {type(error).__name__}")

    async def _keep(self, update: object, reason: str) -> None:
        await self.keep(await as_it_came(update), reason)
