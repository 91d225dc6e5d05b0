"""The whole service with a Redis, and when it is gone."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.support.service import browser, running
from tests.support.valkey import running_valkey

if TYPE_CHECKING:
    from adapters.standins.tgi import StandInTGI


async def test_answers_go_on_with_redis_and_without_it(database_url: str, tgi: StandInTGI) -> None:
    with running_valkey() as valkey:
        model = {"model_server": "tgi", "model_url": tgi.url}
        async with (
            running(database_url=database_url, redis_url=valkey.url, **model) as service,
            valkey.client() as client,
        ):
            async with browser(service) as page:
                await page.answer("Hallo!", 1)
                await page.answer("Nenne drei Flüsse.", 2)
                kept = await client.keys("plausch:window:*")
                listening = await client.pubsub_numsub("plausch:signals")
                valkey.stop()
                answer = await page.answer("Nenne drei Seen.", 3)

    assert len(kept) == 1
    assert listening == [(b"plausch:signals", 1)]
    assert "Nenne drei Seen." in answer
    assert "Hallo!" in tgi.requests[1]["inputs"]
    assert "Nenne drei Flüsse." in tgi.requests[2]["inputs"]


async def test_two_services_on_one_redis_show_each_others_answers(tgi: StandInTGI, postgres_url: str) -> None:
    with running_valkey() as valkey:
        shared = {"database_url": postgres_url, "redis_url": valkey.url, "model_server": "tgi", "model_url": tgi.url}
        async with running(**shared) as writer, running(**shared) as web:
            assert web._worker is not None
            web._worker._draining = True
            async with browser(web) as page:
                assert "Hallo!" in await page.answer("Hallo!", 1)
    assert writer.signals is not web.signals
