"""What every process that answers is made of: stores, signals, the model server, and what joins them."""

from __future__ import annotations

import contextlib
import hmac
from typing import TYPE_CHECKING

from adapters.stores.memory import InProcessSignals
from adapters.stores.sql.conversations import SqlConversations, SqlPeople
from adapters.stores.sql.database import Database
from adapters.stores.sql.inbox import SqlInbox
from adapters.stores.sql.keys import service_key
from bot.acquaintance import Acquaintance
from bot.answerer import Answerer
from bot.clock import SystemClock
from bot.intake import StoringIntake
from bot.models import Served, served
from conversation.dialogue import Dialogue

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Mapping

    from bot.settings import Settings
    from conversation.ports import ConversationStore, Platform, Signals


class Parts:
    """The parts that the settings ask for. Nothing is called yet; SQLite's file is made."""

    def __init__(self, settings: Settings, model: Served | None = None) -> None:
        """``model`` is made from the settings where it is not given, which may take minutes."""
        self.settings = settings
        self.database = Database(settings.database_url)
        self.inbox = SqlInbox(self.database)
        self.people = SqlPeople(self.database)
        self.store: ConversationStore = SqlConversations(self.database)
        self.signals: Signals = InProcessSignals()
        self._hot: list[Callable[[], Awaitable[object]]] = []
        if settings.redis_url:
            self._use_redis(settings.redis_url)
        self.model = model or served(settings)
        self.intake = StoringIntake(self.inbox, self.signals)

    def _use_redis(self, url: str) -> None:
        from adapters.stores.redis.connection import connect  # noqa: PLC0415 - late: a third of a second
        from adapters.stores.redis.hot_window import HotWindow  # noqa: PLC0415 - late, the same
        from adapters.stores.redis.signals import RedisSignals  # noqa: PLC0415 - late, the same

        redis = connect(url)
        signals = RedisSignals(redis)
        self.store, self.signals = HotWindow(self.store, redis), signals
        self._hot = [redis.aclose, signals.aclose]

    @contextlib.asynccontextmanager
    async def closing(self) -> AsyncIterator[contextlib.AsyncExitStack]:
        """Close everything afterwards; what is pushed onto the stack is closed before."""
        async with contextlib.AsyncExitStack() as stack:
            stack.push_async_callback(self.database.aclose)
            for close in self._hot:
                stack.push_async_callback(close)
            stack.push_async_callback(self.model.server.aclose)
            yield stack

    async def answerer(self, platforms: Mapping[str, Platform], lease_seconds: float) -> Answerer:
        """What answers turns of these platforms. The database is up to date. Raises ``StoreUnavailable``."""
        key = await service_key(self.database, "prompt_digest")
        dialogue = Dialogue(
            self.model.server,
            self.model.profile,
            self.model.persona,
            SystemClock(),
            digest=lambda prompt: hmac.new(key, prompt.encode(), "sha256").hexdigest(),
        )
        people = Acquaintance(self.people)
        return Answerer(self.inbox, self.store, self.signals, platforms, people, dialogue, lease_seconds)
