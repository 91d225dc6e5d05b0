"""The whole service with a Redis, and when it is gone."""

from __future__ import annotations

import asyncio
import contextlib
import uuid
from typing import TYPE_CHECKING

import pytest

from bot.role import Role
from tests.support.databases import is_postgres, postgres_database, postgres_template
from tests.support.service import BOUND_SECONDS, browser, running
from tests.support.valkey import Valkey, running_valkey

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

    from adapters.standins.tgi import StandInTGI
    from bot.service import Service

REDIS = ["there", "stopped", "halted", "never set"]


@pytest.fixture
def redis() -> Iterator[Valkey]:
    with running_valkey() as valkey:
        yield valkey


@contextlib.asynccontextmanager
async def only_web(postgres_socket: str, redis: Valkey, tgi: StandInTGI, state_of_redis: str) -> AsyncIterator[Service]:
    """Of two processes the one that serves pages; the other one answers. Redis is like this once they run."""
    async with postgres_database(postgres_socket, await postgres_template(postgres_socket)) as url:
        settings = {"database_url": url, "model_server": "tgi", "model_url": tgi.url}
        if state_of_redis != "never set":
            settings["redis_url"] = redis.url
        async with running(Role.WORKER, **settings), running(Role.WEB, **settings) as web:
            match state_of_redis:
                case "stopped":
                    redis.stop()
                case "halted":
                    await redis.halt()
            yield web
            redis.go_on()


async def test_answers_go_on_with_redis_and_without_it(database_url: str, redis: Valkey, tgi: StandInTGI) -> None:
    settings = {"database_url": database_url, "redis_url": redis.url, "model_server": "tgi", "model_url": tgi.url}
    async with running(**settings) as service, redis.client() as client, browser(service) as page:
        await page.answer("Hallo!", 1)
        await page.answer("Nenne drei Flüsse.", asked := 2)
        while not (kept := await client.keys()):  # on a busy machine nobody waits for Redis, and it is kept later
            await page.answer("Und noch drei?", asked := asked + 1)
        listening = await client.pubsub_numsub("plausch:signals")
        redis.stop()
        answer = await page.answer("Nenne drei Seen.", asked + 1)

    assert len(kept) == 1
    assert str(kept[0]).startswith("b'plausch:window:")
    # On SQLite there is nobody to signal to.
    assert listening == [(b"plausch:signals", int(is_postgres(database_url)))]
    assert "Nenne drei Seen." in answer
    assert "Hallo!" in tgi.requests[1]["inputs"]
    assert "Nenne drei Flüsse." in tgi.requests[2]["inputs"]


@pytest.mark.parametrize("state_of_redis", REDIS)
async def test_a_page_shows_as_it_grows_what_another_process_writes(
    postgres_socket: str, redis: Valkey, tgi: StandInTGI, state_of_redis: str
) -> None:
    seen: list[str] = []
    tgi.pace.pause()
    async with (
        only_web(postgres_socket, redis, tgi, state_of_redis) as web,
        browser(web) as page,
        page.frames() as frames,
        asyncio.timeout(BOUND_SECONDS),
    ):
        await page.send("Hallo!")
        tgi.pace.step(4)
        async for frame in frames:
            seen.append(frame["text"])
            if frame["text"]:
                tgi.pace.resume()
            if frame["last"]:
                break

    assert len(seen) >= 2
    assert "Du hast gefragt: „Hallo!“" in seen[-1]


@pytest.mark.parametrize("state_of_redis", REDIS)
async def test_a_stop_reaches_the_process_that_writes_within_a_second(
    postgres_socket: str, redis: Valkey, tgi: StandInTGI, state_of_redis: str
) -> None:
    tgi.pace.pause()
    async with (
        only_web(postgres_socket, redis, tgi, state_of_redis) as web,
        browser(web) as page,
        page.frames() as frames,
        asyncio.timeout(BOUND_SECONDS),
    ):
        await page.send("Hallo!")
        tgi.pace.step(4)
        while not (await anext(frames))["text"]:
            pass
        async with asyncio.timeout(1):
            async with page.http.post(f"{page.address}/api/v1/stop", json={"id": str(uuid.UUID(int=2))}) as response:
                assert response.status == 202
            while not (last := await anext(frames))["last"]:
                pass
        tgi.pace.resume()

    assert last["kind"] == "stopped"
