"""Logs are structured, and hold neither what people write nor what opens doors."""

from __future__ import annotations

import json
import logging
import signal
from typing import TYPE_CHECKING

import pytest
import structlog

from adapters.standins.script import Fault, FaultKind
from bot import logs
from tests.support.databases import opened
from tests.support.processes import plausch_run
from tests.support.service import until_stored
from tests.support.telegram import ASKER

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from adapters.standins.telegram.server import StandInTelegram
    from adapters.standins.tgi import StandInTGI


@pytest.fixture
def _logging_as_it_was() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    root.handlers[:], root.level = handlers, level
    structlog.reset_defaults()


@pytest.mark.parametrize(
    "secret",
    [
        "https://api.telegram.org/bot123456:AAF-abcdefghijklmnopqrstuvwxyz012345/getMe",
        "xoxb-1234-abcd",
        "xapp-1-A1-2-abc",
        "Authorization: Bearer hf_abcdef",
        "postgresql://plausch:geheim@db/plausch",
        "postgresql://plausch:a/b:geheim@db/plausch",
        "redis://:geheim@cache:6379/0",
    ],
)
@pytest.mark.usefixtures("_logging_as_it_was")
def test_what_looks_like_a_token_never_reaches_the_log(secret: str, capsys: pytest.CaptureFixture[str]) -> None:
    logs.configure("info", as_json=True)

    structlog.get_logger("bot.test").info("called", address=secret)
    logging.getLogger("somebody.else").warning("called %s", secret)

    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 2
    for word in ("AAF-", "xoxb", "xapp", "hf_", "geheim"):
        assert word not in "".join(lines)


@pytest.mark.usefixtures("_logging_as_it_was")
def test_no_text_can_forge_a_line_or_speak_to_the_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    logs.configure("info", as_json=False)

    structlog.get_logger("bot.test").info("name", name="Anna\n2026 [info] forged\x1b[2J")

    (line,) = capsys.readouterr().err.splitlines()
    assert "\x1b[2J" not in line
    assert "forged" in line


@pytest.mark.usefixtures("_logging_as_it_was")
def test_an_exceptions_local_variables_stay_out_of_the_log(capsys: pytest.CaptureFixture[str]) -> None:
    logs.configure("info", as_json=False)
    words_of_a_person = ["Mein Passwort ist Rumpelstilzchen"]

    try:
        words_of_a_person[1]
    except IndexError:
        structlog.get_logger("bot.test").exception("failed")

    assert "Rumpelstilzchen" not in capsys.readouterr().err


@pytest.mark.usefixtures("_logging_as_it_was")
def test_libraries_are_quiet_even_where_we_are_not(capsys: pytest.CaptureFixture[str]) -> None:
    logs.configure("debug", as_json=True)

    logging.getLogger("aiosqlite").debug("executing INSERT …")
    logging.getLogger("httpx").info("POST …")
    structlog.get_logger("bot.test").debug("said")

    assert [json.loads(line)["event"] for line in capsys.readouterr().err.splitlines()] == ["said"]


async def test_a_whole_turn_leaves_no_word_of_it_in_the_log(
    telegram: StandInTelegram, tgi: StandInTGI, tmp_path: Path
) -> None:
    database_url = f"sqlite:///{tmp_path / 'plausch.sqlite3'}"
    settings = {
        "database_url": database_url,
        "model_server": "tgi",
        "model_url": tgi.url,
        "telegram_token": telegram.token,
        "telegram_api_url": telegram.api_url,
        "log_level": "debug",
    }
    tgi.faults.append(Fault(FaultKind.RESET, after=3))
    chat = telegram.private(ASKER)
    async with plausch_run(tmp_path, settings) as process:
        await process.ready()
        telegram.say(chat, "Rumpelstilzchen", ASKER)
        async with opened(database_url) as database:
            await until_stored(database, 1)
            telegram.say(chat, "Dornröschen", ASKER)
            await until_stored(database, 2)
        process.process.send_signal(signal.SIGTERM)
        assert await process.ended() == 0

    written = process.log.read_text()
    assert "turn shown" in written
    for word in ("Rumpelstilzchen", "Dornröschen", "Dornr\\u00f6schen", "gefragt", telegram.token):
        assert word not in written
