"""Web processes and workers apart, on PostgreSQL: any number of each."""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING, Any

import pytest

from bot.role import Role
from bot.service import Service
from bot.settings import Settings
from conversation.errors import SettingWrong
from tests.support.databases import Rows, opened
from tests.support.service import BOUND_SECONDS, browser, running, until_over
from tests.support.telegram import ASKER, OTHER

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from adapters.standins.telegram.server import StandInTelegram
    from adapters.standins.tgi import StandInTGI

only_postgresql = pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)


@pytest.fixture
def settings(database_url: str, telegram: StandInTelegram, tgi: StandInTGI) -> dict[str, Any]:
    return {
        "database_url": database_url,
        "model_server": "tgi",
        "model_url": tgi.url,
        "telegram_token": telegram.token,
        "telegram_api_url": telegram.api_url,
    }


@contextlib.asynccontextmanager
async def two_of_each(settings: dict[str, Any]) -> AsyncIterator[list[Service]]:
    """Two web processes, then two workers."""
    async with contextlib.AsyncExitStack() as stack:
        roles = [Role.WEB, Role.WEB, Role.WORKER, Role.WORKER]
        yield [await stack.enter_async_context(running(role, **settings)) for role in roles]


@only_postgresql
async def test_what_web_processes_take_in_workers_answer(
    settings: dict[str, Any], telegram: StandInTelegram, tgi: StandInTGI
) -> None:
    async with two_of_each(settings) as (web, other_web, worker, _), browser(other_web) as page:
        telegram.say(telegram.private(ASKER), "Hallo!", ASKER)
        telegram.say(telegram.private(OTHER), "Hello!", OTHER)
        assert "angekommen" in await page.answer("Wie spät ist es?", 1)
        await until_over(web, 3)
        async with page.http.get(f"{worker.web.address}/") as response:
            assert response.status == 404, "a worker serves pages"

    assert len(tgi.requests) == 3
    assert web.model is None, "a web process needs no model server"


@only_postgresql
async def test_of_many_web_processes_one_polls_and_the_next_goes_on_after_it(
    settings: dict[str, Any], telegram: StandInTelegram
) -> None:
    async with running(Role.WORKER, **settings) as worker:
        async with running(Role.WEB, **settings) as first:
            telegram.say(telegram.private(ASKER), "Eins", ASKER)
            await until_over(worker, 1)
            async with running(Role.WEB, **settings):
                polls = await Rows(first.database).select("SELECT name, holder FROM duties")
                assert polls == [("receive from telegram", first.name)]
                first.end()
        async with asyncio.timeout(BOUND_SECONDS), running(Role.WEB, **settings):
            telegram.say(telegram.private(ASKER), "Zwei", ASKER)
            await until_over(worker, 2)

    shown = [message.text for message in telegram.transcript(ASKER) if message.from_bot]
    assert ["Eins" in shown[0], "Zwei" in shown[1], len(shown)] == [True, True, 2]


def test_on_sqlite_roles_are_refused_with_the_cure(tmp_path: Path) -> None:
    settings = Settings.model_validate({"database_url": f"sqlite:///{tmp_path / 'plausch.sqlite3'}", "http_port": 0})

    with pytest.raises(SettingWrong, match=r"--role web needs PostgreSQL.*Use postgresql://"):
        Service(settings, role=Role.WEB)


@only_postgresql
async def test_a_turn_can_be_tried_again_while_the_service_runs(
    settings: dict[str, Any], tgi: StandInTGI, database_url: str
) -> None:
    async with running(**settings) as service, browser(service) as page:
        await page.answer("Hallo!", 1)
        await until_over(service)
        async with opened(database_url) as other:
            await Rows(other).change("UPDATE answers SET kind = 'parked', text = ''")
            (turn,) = await page.turns()
            assert await service.inbox.retry(turn["turn"])
            turns = await page.settled()

    assert [turn["kind"] for turn in turns] == ["answer"]
    assert len(tgi.requests) == 2
