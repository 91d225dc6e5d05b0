"""What the tests of the Telegram platform share: an intake in memory, updates written by hand, and places."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from adapters.platforms.telegram import Telegram
from adapters.platforms.telegram.entities import Us
from conversation.errors import StoreUnavailable
from conversation.messages import ConversationKey
from conversation.places import Place
from conversation.turns import Receipt
from tests.support.telegram import standing_in

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from adapters.standins.telegram.chats import Chat, Person
    from adapters.standins.telegram.server import StandInTelegram
    from adapters.standins.telegram.world import Tuning
    from conversation.messages import Message

US = Us(1000000001, "plausch_bot")
PERSON = {"id": 4001, "is_bot": False, "first_name": "Asker", "language_code": "de"}
PRIVATE = {"id": 4001, "type": "private", "first_name": "Asker"}
GROUP = {"id": -1001, "type": "supergroup", "title": "Haus"}
OUR_MESSAGE = {"message_id": 5, "from": {"id": US.id, "is_bot": True, "first_name": "plausch"}, "text": "Zwölf Uhr."}


def units(text: str) -> int:
    """The text's length in UTF-16 units."""
    return len(text.encode("utf-16-le", "surrogatepass")) // 2


def entity(kind: str, whole: str, part: str, **more: Any) -> dict[str, Any]:
    """An entity over the first ``part`` in the whole text."""
    return {"type": kind, "offset": units(whole[: whole.index(part)]), "length": units(part), **more}


def message(text: str = "", chat: dict[str, Any] | None = None, **more: Any) -> dict[str, Any]:
    """An update with a message."""
    raw = {"message_id": 7, "date": 1_800_000_000, "chat": chat or PRIVATE, "from": PERSON, **more}
    return {"update_id": 1, "message": raw | ({"text": text} if text else {})}


def command(text: str, chat: dict[str, Any] | None = None, **more: Any) -> dict[str, Any]:
    """An update with a message that begins with a command."""
    return message(text, chat, entities=[entity("bot_command", text, text.split(maxsplit=1)[0])], **more)


def place(chat: Chat | Person | int, topic: int | None = None, reply_to: int | None = None) -> Place:
    """Where an answer goes."""
    number = chat if isinstance(chat, int) else chat.id
    key = ConversationKey("telegram", str(US.id), str(number), str(topic or ""))
    return Place(key, reply_to=str(reply_to or ""), direct=number > 0)


@dataclass
class Desk:
    """``Intake`` in memory. ``away`` is how many calls find the database gone."""

    received: list[Message] = field(default_factory=list)
    kept: list[tuple[str, str]] = field(default_factory=list)
    away: int = 0
    broken: set[str] = field(default_factory=set)
    """Texts that the store can't take."""
    busy: asyncio.Event | None = None
    """Holds calls until it is set."""
    taken: asyncio.Event = field(default_factory=asyncio.Event)
    changed: asyncio.Condition = field(default_factory=asyncio.Condition)

    async def accept(self, message: Message) -> Receipt:
        await self._reach()
        if message.text in self.broken:
            raise ValueError(message.text)
        # The others of the same batch get their turn meanwhile.
        await asyncio.sleep(0)
        new = (message.identity, message.edit) not in {(known.identity, known.edit) for known in self.received}
        if new:
            self.received.append(message)
        await self._tell()
        return Receipt(new=new, conversation_id="c", turn_id="t")

    async def unreadable(self, platform: str, workspace: str, raw: str, reason: str) -> None:
        assert (platform, workspace) == ("telegram", str(US.id))
        await self._reach()
        self.kept.append((raw, reason))
        await self._tell()

    async def stop_answers_to(self, person: str, platform: str, workspace: str, channel: str) -> int:
        raise AssertionError(f"Telegram stops {person} in {platform} {workspace} {channel}")

    async def texts(self, count: int) -> list[str]:
        """What was received, once there are so many."""
        async with asyncio.timeout(10), self.changed:
            await self.changed.wait_for(lambda: len(self.received) >= count)
        return [message.text for message in self.received]

    async def _reach(self) -> None:
        self.taken.set()
        if self.busy is not None:
            await self.busy.wait()
        if self.away:
            self.away -= 1
            raise StoreUnavailable

    async def _tell(self) -> None:
        async with self.changed:
            self.changed.notify_all()


@dataclass
class Pauses:
    """Waits for nothing, and remembers for how long it should have."""

    seconds: list[float] = field(default_factory=list)
    changed: asyncio.Condition = field(default_factory=asyncio.Condition)

    async def __call__(self, seconds: float) -> None:
        self.seconds.append(seconds)
        async with self.changed:
            self.changed.notify_all()
        await asyncio.sleep(0)

    async def reach(self, count: int) -> None:
        """Return once so many pauses were made."""
        async with asyncio.timeout(10), self.changed:
            await self.changed.wait_for(lambda: len(self.seconds) >= count)


@asynccontextmanager
async def started(
    standin: StandInTelegram, read_seconds: float = 20.0, pause: Pauses | None = None
) -> AsyncIterator[Telegram]:
    """The platform, connected to a stand-in."""
    telegram = Telegram(standin.token, standin.api_url, read_seconds=read_seconds, pause=pause or Pauses())
    try:
        await telegram.start()
        yield telegram
    finally:
        await telegram.aclose()


@asynccontextmanager
async def both(tuning: Tuning | None = None) -> AsyncIterator[tuple[StandInTelegram, Telegram]]:
    """A stand-in and the platform connected to it."""
    async with standing_in() if tuning is None else standing_in(tuning) as (standin, _), started(standin) as telegram:
        yield standin, telegram


@asynccontextmanager
async def polling(telegram: Telegram, desk: Desk) -> AsyncIterator[None]:
    """Poll meanwhile."""
    task = asyncio.create_task(telegram.poll(desk))
    try:
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
