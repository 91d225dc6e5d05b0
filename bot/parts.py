"""What every process that answers is made of: stores, signals, the model server, and what joins them."""

from __future__ import annotations

import contextlib
import hmac
from typing import TYPE_CHECKING

from adapters.stores.memory import InProcessSignals
from adapters.stores.redis.connection import connect
from adapters.stores.redis.hot_window import HotWindow
from adapters.stores.redis.signals import RedisSignals
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
    from collections.abc import AsyncIterator, Mapping

    from bot.settings import Settings
    from conversation.ports import Platform


class Parts:
    """The parts that the settings ask for. Nothing is called yet; SQLite's file is made."""

    def __init__(self, settings: Settings, model: Served | None = None) -> None:
        """``model`` is made from the settings where it is not given, which may take minutes."""
        self.settings = settings
        self.database = Database(settings.database_url)
        self.inbox = SqlInbox(self.database)
        self.redis = connect(settings.redis_url) if settings.redis_url else None
        conversations = SqlConversations(self.database)
        self.store = HotWindow(conversations, self.redis) if self.redis else conversations
        self.people = SqlPeople(self.database)
        self.signals = RedisSignals(self.redis) if self.redis else InProcessSignals()
        self.model = model or served(settings)
        self.intake = StoringIntake(self.inbox, self.signals)

    @contextlib.asynccontextmanager
    async def closing(self) -> AsyncIterator[contextlib.AsyncExitStack]:
        """Close everything afterwards; what is pushed onto the stack is closed before."""
        async with contextlib.AsyncExitStack() as stack:
            stack.push_async_callback(self.database.aclose)
            if self.redis is not None:
                stack.push_async_callback(self.redis.aclose)
            if isinstance(self.signals, RedisSignals):
                stack.push_async_callback(self.signals.aclose)
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
