"""What every process is made of: stores, signals, and what joins them to whatever answers."""

from __future__ import annotations

import asyncio
import contextlib
import hmac
from typing import TYPE_CHECKING

from adapters.stores.signals.choice import signals_for
from adapters.stores.sql.conversations import SqlConversations, SqlPeople
from adapters.stores.sql.database import Database
from adapters.stores.sql.inbox import SqlInbox
from adapters.stores.sql.keys import service_key
from bot.acquaintance import Acquaintance
from bot.answerer import Answerer
from bot.clock import SystemClock
from bot.intake import StoringIntake
from bot.metrics import Metrics
from conversation.dialogue import Dialogue
from conversation.turns import OpenTurns

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping

    from redis.asyncio import Redis

    from adapters.stores.redis.hot_window import HotWindow
    from bot.models import Served
    from bot.settings import Settings
    from conversation.ports import ConversationStore, Platform
    from conversation.turns import Receipt


class Parts:
    """The parts that the settings ask for. Nothing is called yet; SQLite's file is made."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.database = Database(settings.database_url)
        limits = OpenTurns(settings.open_turns_conversation, settings.open_turns_workspace, settings.open_turns)
        self._waking: set[asyncio.Task[None]] = set()
        self.inbox = SqlInbox(self.database, limits, self._arrived)
        self.people = SqlPeople(self.database)
        self.store: ConversationStore = SqlConversations(self.database)
        self._redis_parts: list[Redis | HotWindow] = []
        redis = self._redis(settings.redis_url) if settings.redis_url else None
        self.signals = signals_for(self.database, redis)
        self.metrics = Metrics()
        self.intake = StoringIntake(self.inbox, self.signals, self.metrics)

    def _arrived(self, receipt: Receipt) -> None:
        """Wake a worker for what is new."""
        if not receipt.new:
            return
        task = asyncio.create_task(self.signals.wake())
        self._waking.add(task)
        task.add_done_callback(self._waking.discard)

    def _redis(self, url: str) -> Redis:
        """Redis, as the hot copy in front of the store too."""
        from adapters.stores.redis.connection import connect  # noqa: PLC0415 - late: a third of a second
        from adapters.stores.redis.hot_window import HotWindow  # noqa: PLC0415 - late, the same

        client = connect(url)
        self.store = hot = HotWindow(self.store, client)
        self._redis_parts = [client, hot]
        return client

    @contextlib.asynccontextmanager
    async def closing(self) -> AsyncIterator[contextlib.AsyncExitStack]:
        """Close everything afterwards; what is pushed onto the stack is closed before."""
        async with contextlib.AsyncExitStack() as stack:
            stack.push_async_callback(self.database.aclose)
            for part in self._redis_parts:
                stack.push_async_callback(part.aclose)
            stack.push_async_callback(self.signals.aclose)
            yield stack

    async def answerer(self, model: Served, platforms: Mapping[str, Platform], lease_seconds: float) -> Answerer:
        """What answers turns of these platforms. The database is up to date. Raises ``StoreUnavailable``."""
        key = await service_key(self.database, "prompt_digest")
        dialogue = Dialogue(
            model.server,
            model.profile,
            model.persona,
            SystemClock(),
            digest=lambda prompt: hmac.new(key, prompt.encode(), "sha256").hexdigest(),
        )
        people = Acquaintance(self.people)
        return Answerer(self.inbox, self.store, self.signals, platforms, people, dialogue, self.metrics, lease_seconds)
