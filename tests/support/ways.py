"""A person on each way in: says something, and sees the answer, whatever platform it is."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

from adapters.standins.slack import StandInSlack
from adapters.standins.telegram.world import Tuning
from tests.e2e.test_platforms import on_slack, on_telegram
from tests.support.service import browser, running, until_over
from tests.support.slack import furnish
from tests.support.telegram import ASKER, standing_in

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable

    from adapters.standins.tgi import StandInTGI
    from bot.service import Service

WAYS = ("slack-http", "slack-socket", "telegram-polling", "telegram-webhook", "web")


@dataclass(frozen=True, slots=True)
class Talk:
    """``ask`` says something to the service, waits until the turn is over, and returns what the answer reads."""

    service: Service
    ask: Callable[[str], Awaitable[str]]


@contextlib.asynccontextmanager
async def talking(way: str, database_url: str, tgi: StandInTGI) -> AsyncIterator[Talk]:
    """One person, alone with the service, on this way."""
    platform, _, kind = way.partition("-")
    ways = {"slack": _on_slack, "telegram": _on_telegram, "web": _on_the_web}
    async with ways[platform](kind, database_url, tgi) as talk:
        yield talk


@contextlib.asynccontextmanager
async def _on_slack(kind: str, database_url: str, tgi: StandInTGI) -> AsyncIterator[Talk]:
    async with (
        StandInSlack(retry_scale=0.01) as slack,
        on_slack(slack, "socket" if kind == "socket" else "http", database_url, tgi) as service,
    ):
        room = furnish(slack)
        asked: list[str] = []

        async def ask(text: str) -> str:
            asked.append(await slack.say(room.direct, text, room.person, asked[0] if asked else None))
            await until_over(service, len(asked))
            return [line for line in slack.lines(room.direct) if line.by_app][-1].text

        yield Talk(service, ask)


@contextlib.asynccontextmanager
async def _on_telegram(kind: str, database_url: str, tgi: StandInTGI) -> AsyncIterator[Talk]:
    async with (
        standing_in(Tuning(retry_unit=0.01, patience=0.02)) as (telegram, _),
        on_telegram(telegram, kind, database_url, tgi) as service,
    ):
        asked: list[int] = []

        async def ask(text: str) -> str:
            asked.append(telegram.say(ASKER, text, entities=[]))
            await until_over(service, len(asked))
            return [message for message in telegram.transcript(ASKER) if message.from_bot][-1].text

        yield Talk(service, ask)


@contextlib.asynccontextmanager
async def _on_the_web(_: str, database_url: str, tgi: StandInTGI) -> AsyncIterator[Talk]:
    async with (
        running(database_url=database_url, model_server="tgi", model_url=tgi.url) as service,
        browser(service) as page,
    ):
        asked: list[str] = []

        async def ask(text: str) -> str:
            asked.append(text)
            answer = await page.answer(text, len(asked))
            await until_over(service, len(asked))
            return answer

        yield Talk(service, ask)
