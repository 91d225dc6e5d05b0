"""The whole service with a Redis, and when it is gone."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.support.databases import postgres_database, postgres_template
from tests.support.service import browser, running
from tests.support.valkey import Valkey, running_valkey

if TYPE_CHECKING:
    from collections.abc import Iterator

    from adapters.standins.tgi import StandInTGI


@pytest.fixture
def redis() -> Iterator[Valkey]:
    with running_valkey() as valkey:
        yield valkey


async def test_answers_go_on_with_redis_and_without_it(database_url: str, redis: Valkey, tgi: StandInTGI) -> None:
    settings = {"database_url": database_url, "redis_url": redis.url, "model_server": "tgi", "model_url": tgi.url}
    async with running(**settings) as service, redis.client() as client, browser(service) as page:
        await page.answer("Hallo!", 1)
        await page.answer("Nenne drei Flüsse.", 2)
        kept = await client.keys("plausch:window:*")
        listening = await client.pubsub_numsub("plausch:signals")
        redis.stop()
        answer = await page.answer("Nenne drei Seen.", 3)

    assert len(kept) == 1
    assert listening == [(b"plausch:signals", 1)]
    assert "Nenne drei Seen." in answer
    assert "Hallo!" in tgi.requests[1]["inputs"]
    assert "Nenne drei Flüsse." in tgi.requests[2]["inputs"]


async def test_a_page_shows_as_it_grows_what_another_process_writes(
    postgres_socket: str, redis: Valkey, tgi: StandInTGI
) -> None:
    seen: list[str] = []
    async with postgres_database(postgres_socket, await postgres_template(postgres_socket)) as url:
        settings = {"database_url": url, "redis_url": redis.url, "model_server": "tgi", "model_url": tgi.url}
        async with running(**settings), running(**settings) as only_web:
            assert only_web._worker is not None
            for _ in range(only_web._worker._limits.at_once):
                await only_web._worker._free.acquire()
            async with browser(only_web) as page, page.frames() as frames:
                await page.send("Hallo!")
                async for frame in frames:
                    seen.append(frame["text"])
                    if frame["last"]:
                        break

    assert len(seen) > 2
    assert "Du hast gefragt: „Hallo!“" in seen[-1]
