"""The sandbox's panes over real stand-ins, without the service: the test writes as the bot, by the wire."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import aiohttp
from starlette.applications import Starlette

from adapters.platforms.web import assets
from adapters.standins.panes import Look, Panes
from adapters.standins.slack import StandInSlack
from adapters.standins.telegram.server import StandInTelegram
from tests.support.web_chat import QuietServer

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

CHAT = "http://127.0.0.1:9"
NOTICE = {"de": "Nur eine <b>Attrappe</b>.", "en": "Only a stand-in."}
FIRST_PERSON = 4000


@dataclass
class Desk:
    """Both stand-ins, the panes over them, and the bot's pen."""

    slack: StandInSlack
    telegram: StandInTelegram
    panes: Panes
    http: aiohttp.ClientSession
    address: str = ""

    async def slack_call(self, method: str, **arguments: Any) -> Any:
        """Call Slack's Web API as the app."""
        headers = {"Authorization": f"Bearer {self.slack.bot_token}"}
        body = {"channel": self.panes.slack.channel} | arguments
        async with self.http.post(f"{self.slack.api_url}{method}", json=body, headers=headers) as response:
            answer = await response.json()
        assert answer["ok"], answer
        return answer

    async def telegram_call(self, method: str, **arguments: Any) -> Any:
        """Call the Bot API as the bot, in the German person's chat."""
        body = {"chat_id": self.panes.telegram.people["de"].id} | arguments
        async with self.http.post(f"{self.telegram.api_url}{self.telegram.token}/{method}", json=body) as response:
            answer = await response.json()
        assert answer["ok"], answer
        return answer["result"]

    async def slack_asks(self, text: str, **how: Any) -> str:
        """The German sample person writes into the channel; the message's ``ts``."""
        return await self.slack.say(self.panes.slack.channel, text, self.panes.slack.people["de"], **how)


@asynccontextmanager
async def desk(heartbeat_seconds: float = 15) -> AsyncIterator[Desk]:
    """The panes behind a real server."""
    look = Look(*(asset.content for name in ("tokens.css", "icon.svg") if (asset := assets.named(name))))
    async with StandInSlack() as slack, StandInTelegram() as telegram, aiohttp.ClientSession() as http:
        panes = Panes(
            slack,
            telegram,
            look,
            chat=lambda: CHAT,
            notice=NOTICE,
            first_person=FIRST_PERSON,
            heartbeat_seconds=heartbeat_seconds,
        )
        server = QuietServer(Starlette(routes=panes.routes()))
        serving = asyncio.create_task(server._serve())
        await asyncio.wait_for(server.ready.wait(), 10)
        try:
            yield Desk(slack, telegram, panes, http, f"http://127.0.0.1:{server.port}")
        finally:
            panes.close()
            server.should_exit = True
            await asyncio.wait_for(serving, 10)
