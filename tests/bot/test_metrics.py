"""``/metrics``: what the service counts, in Prometheus' format."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import aiohttp
from prometheus_client.parser import text_string_to_metric_families

from tests.support.databases import Rows
from tests.support.service import BOUND_SECONDS, browser, running, until_over

if TYPE_CHECKING:
    from collections.abc import Mapping

    from adapters.standins.tgi import StandInTGI
    from bot.service import Service


async def scraped(service: Service, headers: Mapping[str, str] | None = None) -> tuple[int, str]:
    async with (
        aiohttp.ClientSession() as http,
        http.get(f"{service.web.address}/metrics", headers=headers) as response,
    ):
        return response.status, await response.text()


async def samples(service: Service) -> dict[tuple[str, ...], float]:
    """Each sample by its name and its labels' values, in the order of the labels' names."""
    status, text = await scraped(service)
    assert status == 200
    return {
        (sample.name, *sample.labels.values()): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


async def test_messages_endings_and_times_are_counted_and_no_text_is_told(tgi: StandInTGI, database_url: str) -> None:
    async with (
        running(database_url=database_url, model_server="tgi", model_url=tgi.url) as service,
        browser(service) as page,
    ):
        await page.answer("Geheim!", 1)
        await page.send("Geheim!", 1)
        await page.answer("/hilfe", 2)
        await until_over(service, 2)
        await service.vigil.look()
        # Others see a commit before the one who made it goes on and counts.
        async with asyncio.timeout(BOUND_SECONDS):
            while (found := await samples(service))["plausch_answer_seconds_count",] < 2:  # noqa: ASYNC110 - a scrape has no events
                await asyncio.sleep(0.01)
        _, text = await scraped(service)

    assert found["plausch_messages_total", "new", "web"] == 2
    assert found["plausch_messages_total", "double", "web"] == 1
    assert found["plausch_turns_ended_total", "answer", "web"] == 1
    assert found["plausch_turns_ended_total", "notice", "web"] == 1
    assert found["plausch_answer_seconds_count",] == found["plausch_answer_seconds_bucket", "+Inf"] == 2
    assert found["plausch_answer_seconds_bucket", "0.1"] <= found["plausch_answer_seconds_bucket", "60.0"] <= 2
    assert found["plausch_answer_seconds_sum",] > 0
    assert (found["plausch_turns_open",], found["plausch_oldest_turn_seconds",]) == (0, 0)
    assert (found["plausch_ready",], found["plausch_turns_parked",]) == (1, 0)
    assert "Geheim" not in text


async def test_what_waits_and_what_is_in_trouble_is_told(tgi: StandInTGI, database_url: str) -> None:
    tgi.pace.pause()
    async with (
        running(
            database_url=database_url, model_server="tgi", model_url=tgi.url, oldest_turn_seconds=60, drain_seconds=0
        ) as service,
        browser(service) as page,
    ):
        await page.send("Hallo!")
        await tgi.arrivals.get()
        await Rows(service.database).change("UPDATE turns SET arrived_at = '2001-01-01 00:00:00'")
        await service.vigil.look()
        found = await samples(service)
        async with page.http.get(f"{page.address}/readyz") as response:
            says = await response.json()

    assert (found["plausch_turns_open",], found["plausch_turns_under_way",]) == (1, 1)
    assert found["plausch_oldest_turn_seconds",] > 1e8
    assert found["plausch_trouble", "oldest turn"] == 1
    assert says["ready"]
    assert "the oldest of 1 open turns has waited for" in says["troubles"]["oldest turn"]
    assert says["troubles"]["oldest turn"].endswith("(limit: 60 s)")


async def test_visitors_who_come_through_a_proxy_see_no_metrics(tgi: StandInTGI, database_url: str) -> None:
    async with running(database_url=database_url, model_server="tgi", model_url=tgi.url) as service:
        for header in ("Forwarded", "X-Forwarded-For", "X-Forwarded-Proto"):
            assert (await scraped(service, {header: "203.0.113.7"}))[0] == 403
