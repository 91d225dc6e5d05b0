"""SIGTERM: the answer under way is ended, then the process is."""

from __future__ import annotations

import signal
from typing import TYPE_CHECKING

from tests.support.databases import Rows, opened
from tests.support.processes import plausch_run
from tests.support.telegram import ASKER

if TYPE_CHECKING:
    from pathlib import Path

    from adapters.standins.telegram.server import StandInTelegram
    from adapters.standins.tgi import StandInTGI


async def test_an_answer_under_way_is_ended_and_shown(
    telegram: StandInTelegram, tgi: StandInTGI, tmp_path: Path
) -> None:
    database_url = f"sqlite:///{tmp_path / 'plausch.sqlite3'}"
    settings = {
        "database_url": database_url,
        "model_server": "tgi",
        "model_url": tgi.url,
        "telegram_token": telegram.token,
        "telegram_api_url": telegram.api_url,
    }
    tgi.pace.pause()
    chat = telegram.private(ASKER)
    async with plausch_run(tmp_path, settings) as process:
        await process.ready()
        telegram.say(chat, "Hallo!", ASKER)
        await tgi.arrivals.get()
        await telegram.wait_for_message(chat, lambda message: message.text == "…")
        process.process.send_signal(signal.SIGTERM)
        tgi.pace.resume()
        assert await process.ended() == 0

    (shown,) = [message.text for message in telegram.transcript(chat) if message.from_bot]
    assert "angekommen" in shown
    async with opened(database_url) as database:
        assert await Rows(database).select("SELECT state FROM turns") == [("shown",)]


async def test_a_second_process_on_the_same_sqlite_file_says_so_and_ends(tgi: StandInTGI, tmp_path: Path) -> None:
    settings = {
        "database_url": f"sqlite:///{tmp_path / 'plausch.sqlite3'}",
        "model_server": "tgi",
        "model_url": tgi.url,
    }
    async with plausch_run(tmp_path, settings) as first:
        await first.ready()
        async with plausch_run(tmp_path, settings) as second:
            assert await second.ended() == 2
        assert first.process.returncode is None
