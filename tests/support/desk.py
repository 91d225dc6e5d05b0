"""One conversation, its truth in SQL, and its copy in Redis."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from adapters.stores.redis.hot_window import HotWindow
from adapters.stores.sql.conversations import SqlConversations
from adapters.stores.sql.inbox import SqlInbox
from conversation.turns import Record
from tests.support.words import ROOM, answer, question

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence

    from redis.asyncio import Redis

    from adapters.stores.sql.database import Database
    from conversation.messages import ConversationKey
    from conversation.ports import ConversationStore
    from conversation.turns import Claim, Exchange, LoggedTurn
    from tests.support.valkey import Valkey

PATIENCE_SECONDS = 10.0


@dataclass(slots=True)
class Counted:
    """A store that notes which windows were asked of it."""

    store: ConversationStore
    asked: list[tuple[int, int]] = field(default_factory=list)

    async def window(self, conversation_id: str, since: int, before: int) -> Sequence[Exchange]:
        self.asked.append((since, before))
        return await self.store.window(conversation_id, since, before)

    async def log(self, conversation: ConversationKey) -> Sequence[LoggedTurn]:
        return await self.store.log(conversation)


@dataclass(frozen=True, slots=True)
class Desk:
    """What a worker does with one conversation; each window that it reads is compared with the database's."""

    inbox: SqlInbox
    sql: Counted
    hot: HotWindow
    client: Redis
    key: ConversationKey = ROOM

    async def claim(self) -> Claim:
        claim = await self.inbox.claim("first", 30, ["web"])
        assert claim is not None
        return claim

    async def end(self, claim: Claim, text: str = "Zwölf Uhr.", cut: int = 0) -> None:
        await self.inbox.decide(claim, answer(text, record=Record(cut=cut)))
        await self.inbox.shown(claim)

    async def answered(self, *texts: str) -> None:
        """Each was asked, its window read, and it was answered."""
        for text in texts:
            await self.inbox.put(question(text, self.key))
            claim = await self.claim()
            await self.window(claim)
            await self.end(claim, f"Antwort auf {text}")

    async def asked(self, text: str = "Und jetzt?") -> Claim:
        await self.inbox.put(question(text, self.key))
        return await self.claim()

    async def window(self, claim: Claim) -> list[str]:
        """What the hot window tells, which is what the database tells."""
        where = (claim.conversation_id, claim.since, claim.position)
        window = await self.hot.window(*where)
        assert window == await self.sql.store.window(*where)
        return [exchange.questions[0].text for exchange in window]

    async def copied(self, claim: Claim) -> bytes:
        """The copy, made anew with all that this turn's window holds."""
        await self.client.flushall()
        await self.window(claim)
        return await self.copy(claim)

    async def copy(self, claim: Claim) -> bytes:
        """What stands in Redis."""
        kept = await self.client.get(f"plausch:window:{claim.conversation_id}")
        assert isinstance(kept, bytes)
        return kept

    async def put_copy(self, claim: Claim, copy: bytes) -> None:
        await self.client.set(f"plausch:window:{claim.conversation_id}", copy)


@contextlib.asynccontextmanager
async def desk_of(database: Database, valkey: Valkey) -> AsyncIterator[Desk]:
    """A desk with a patient copy, so that a busy machine does not make it go to the database."""
    async with valkey.client() as client:
        sql = Counted(SqlConversations(database))
        async with contextlib.aclosing(HotWindow(sql, client, PATIENCE_SECONDS)) as hot:
            yield Desk(SqlInbox(database), sql, hot, client)
