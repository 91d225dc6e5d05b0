"""The web chat, the whole way: a real HTTP client, the service, the stand-in TGI, the database."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from adapters.standins.script import Pace
from tests.support.service import Browser, browser, running

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from adapters.standins.tgi import StandInTGI
    from bot.service import Service


@pytest.fixture
async def service(database_url: str, tgi: StandInTGI) -> AsyncIterator[Service]:
    async with running(database_url=database_url, model_server="tgi", model_url=tgi.url) as started:
        yield started


@pytest.fixture
async def page(service: Service) -> AsyncIterator[Browser]:
    async with browser(service) as opened:
        yield opened


async def test_a_message_is_answered_by_the_model_streamed_and_stored(page: Browser, tgi: StandInTGI) -> None:
    seen: list[str] = []
    tgi.pace = Pace(0.01)
    async with page.frames() as frames:
        receipt = await page.send("Wie spät ist es?")
        async with asyncio.timeout(20):
            async for frame in frames:
                seen.append(frame["text"])
                if frame["last"]:
                    break

    (turn,) = await page.settled()
    assert (receipt["status"], receipt["new"], receipt["turn"]) == (202, True, turn["turn"])
    assert len(seen) > 2
    assert frame["kind"] == "answer"
    assert "Du hast gefragt: „Wie spät ist es?“" in turn["text"]
    assert (turn["state"], turn["kind"], turn["text"]) == ("shown", "answer", seen[-1])
    assert tgi.requests[0]["inputs"] == "Du bist ein hilfreicher Assistent. USER: Wie spät ist es? ASSISTANT:"


async def test_the_first_answer_says_that_this_is_an_ai_and_no_later_prompt_repeats_it(
    page: Browser, tgi: StandInTGI
) -> None:
    first = await page.answer("Hallo!", 1)
    second = await page.answer("Nenne drei Flüsse.", 2)

    assert "Ich bin eine KI" in first
    assert "Ich bin eine KI" not in second
    assert tgi.requests[1]["inputs"].endswith(
        "USER: Hallo! ASSISTANT: Du hast gefragt: „Hallo!“ Ich vertrete hier nur das Modell, aber deine Frage ist"
        " angekommen.</s>USER: Nenne drei Flüsse. ASSISTANT:"
    )


async def test_the_same_message_again_is_answered_once(page: Browser) -> None:
    await page.answer("Hallo!", 1)
    again = await page.send("Hallo!", 1)

    assert again["new"] is False
    assert len(await page.turns()) == 1
