"""One claimed turn and what shows its answer: the real platform in front of its stand-in, the real inbox."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass
from itertools import count
from typing import TYPE_CHECKING

from adapters.platforms.telegram import Telegram
from adapters.platforms.telegram.pacing import Pacing
from adapters.stores.sql.inbox import SqlInbox
from bot.delivery import Delivery
from bot.lease import Lease
from conversation.errors import PlatformError
from conversation.messages import ConversationKey
from conversation.places import Place
from tests.support.databases import opened
from tests.support.telegram import ASKER
from tests.support.words import answer, question

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from adapters.standins.telegram.server import StandInTelegram
    from adapters.stores.sql.database import Database
    from conversation.ports import Platform
    from conversation.turns import Claim


@dataclass(slots=True)
class Scene:
    """A turn that is held, on its way to a platform."""

    database: Database
    inbox: SqlInbox
    platform: Platform
    claim: Claim
    place: Place

    async def next_attempt(self, pause_seconds: float = 0) -> None:
        """Give the turn back, and claim it again."""
        await self.inbox.hand_back(self.claim, pause_seconds)
        self.claim = await claimed(self.inbox, self.platform.name)

    async def attempted(self, text: str) -> bool:
        """One attempt: a half of the text is shown, then the whole. Whether it is shown."""
        async with self.delivery() as delivery:
            delivery._text = lambda: text[: len(text) // 2]
            with contextlib.suppress(PlatformError):
                await delivery._show_newest()
            try:
                await delivery.finish(text, "answer")
            except PlatformError:
                return False
        return True

    async def over(self) -> None:
        """The turn is shown."""
        await self.inbox.decide(self.claim, answer())
        await self.inbox.shown(self.claim)

    async def next_question(self, place: Place) -> None:
        """Another question, claimed."""
        self.place = place
        await self.inbox.put(question(key=place.conversation))
        self.claim = await claimed(self.inbox, self.platform.name)

    @contextlib.asynccontextmanager
    async def delivery(self, lease_seconds: float = 60) -> AsyncIterator[Delivery]:
        """What shows the answer in this attempt."""
        async with Lease(self.inbox, self.claim, lease_seconds, on_stop=lambda: None) as lease:
            delivery = Delivery(self.platform, self.inbox, self.claim, self.place, lease)
            try:
                yield delivery
            finally:
                await delivery.aclose()


@contextlib.asynccontextmanager
async def scene_of(platform: Platform, place: Place, folder: Path) -> AsyncIterator[Scene]:
    """A question that was asked in this place, and claimed."""
    async with opened(f"sqlite:///{folder / 'plausch.sqlite3'}") as database:
        inbox = SqlInbox(database)
        await inbox.put(question(key=place.conversation))
        claim = await claimed(inbox, platform.name)
        yield Scene(database, inbox, platform, claim, place)


@contextlib.asynccontextmanager
async def telegram_at(standin: StandInTelegram, read_seconds: float = 20) -> AsyncIterator[Telegram]:
    """The platform, that waits for nothing and knows nothing of what was written before."""
    passes_by_itself = count(0.0, 1000.0).__next__
    pacing = Pacing(now=passes_by_itself)
    telegram = Telegram(standin.token, standin.api_url, pacing=pacing, read_seconds=read_seconds)
    try:
        await telegram.start()
        yield telegram
    finally:
        await telegram.aclose()


@contextlib.asynccontextmanager
async def on_telegram(standin: StandInTelegram, folder: Path, read_seconds: float = 20) -> AsyncIterator[Scene]:
    """A question in a private chat."""
    chat = standin.private(ASKER)
    place = Place(ConversationKey("telegram", "1", str(chat.id)), direct=True, turn_id="turn")
    async with telegram_at(standin, read_seconds) as telegram, scene_of(telegram, place, folder) as scene:
        yield scene


async def claimed(inbox: SqlInbox, platform: str) -> Claim:
    claim = await inbox.claim("first", 60, [platform])
    assert claim is not None
    return claim
