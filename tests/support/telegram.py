"""What the tests of the stand-in Telegram share, and those who talk to it."""

from __future__ import annotations

from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import aiohttp
from aiohttp import web

from adapters.standins.telegram.chats import Person
from adapters.standins.telegram.server import StandInTelegram
from adapters.standins.telegram.world import Tuning

if TYPE_CHECKING:
    import asyncio
    from collections.abc import AsyncIterator, Callable

ASKER = Person(4001, "Asker", username="asker", language_code="de")
OTHER = Person(4002, "Other", language_code="en")
FAST = Tuning(retry_unit=0.001, patience=0.02)


@dataclass(slots=True)
class ManualClock:
    """Seconds since 1970 that pass only when a test says so."""

    seconds: float = 1_800_000_000.0

    def __call__(self) -> float:
        return self.seconds

    def pass_(self, seconds: float) -> None:
        self.seconds += seconds


class RawBot:
    """Calls the API without an SDK in between: what is returned is what stood in the answer."""

    def __init__(self, telegram: StandInTelegram, session: aiohttp.ClientSession) -> None:
        self._telegram = telegram
        self._session = session

    async def ask(self, method: str, token: str | None = None, **parameters: Any) -> dict[str, Any]:
        """Call with a JSON body; the whole answer."""
        url = f"{self._telegram.api_url}{token or self._telegram.token}/{method}"
        async with self._session.post(url, json=parameters) as answer:
            body: dict[str, Any] = await answer.json()
            assert answer.status == body.get("error_code", 200)
            return body

    async def do(self, method: str, **parameters: Any) -> Any:
        """Call, and get the result of what must succeed."""
        answer = await self.ask(method, **parameters)
        assert answer["ok"], answer
        return answer["result"]

    async def refused(self, method: str, **parameters: Any) -> str:
        """Call, and get the description of what must be refused."""
        answer = await self.ask(method, **parameters)
        assert not answer["ok"], answer
        description: str = answer["description"]
        return description

    async def update_ids(self, **parameters: Any) -> list[int]:
        """The ids that ``getUpdates`` brings."""
        return [update["update_id"] for update in await self.do("getUpdates", **parameters)]


@asynccontextmanager
async def standing_in(
    tuning: Tuning = FAST, now: Callable[[], float] | None = None
) -> AsyncIterator[tuple[StandInTelegram, RawBot]]:
    """A running stand-in and a raw client for it."""
    telegram = StandInTelegram(tuning=tuning) if now is None else StandInTelegram(tuning=tuning, now=now)
    async with telegram, aiohttp.ClientSession() as session:
        yield telegram, RawBot(telegram, session)


@dataclass(slots=True)
class Receiver:
    """A webhook's other end.

    ``answers`` are the next statuses with their headers, then always 200; ``hold`` delays them until it is set.
    """

    url: str = ""
    updates: list[dict[str, Any]] = field(default_factory=list)
    secrets: list[str | None] = field(default_factory=list)
    answers: list[tuple[int, dict[str, str]]] = field(default_factory=list)
    hold: asyncio.Event | None = None

    async def take(self, request: web.Request) -> web.Response:
        self.updates.append(await request.json())
        self.secrets.append(request.headers.get("X-Telegram-Bot-Api-Secret-Token"))
        if self.hold is not None:
            await self.hold.wait()
        status, headers = self.answers.pop(0) if self.answers else (200, {})
        return web.Response(status=status, headers=headers)

    @property
    def texts(self) -> list[str]:
        """What the messages said, in the order they came."""
        return [update["message"]["text"] for update in self.updates if "message" in update]


@asynccontextmanager
async def receiving() -> AsyncIterator[Receiver]:
    """A web server on loopback that takes updates."""
    receiver = Receiver()
    app = web.Application()
    app.router.add_post("/hook", receiver.take)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    receiver.url = f"http://127.0.0.1:{runner.addresses[0][1]}/hook"
    try:
        yield receiver
    finally:
        await runner.cleanup()
