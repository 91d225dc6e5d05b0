"""``plausch doctor`` as a real process, and what it says of settings and this machine."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING

import pytest

from adapters.standins.tgi import StandInTGI
from tests.support.databases import opened
from tests.support.doctor import Examined, Report, examination
from tests.support.service import free_port, running
from tests.support.terminal import plausch, terminal

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

TOKEN = "123456789:AAabcdefghijklmnopqrstuvwxyz0123456"


@pytest.fixture
async def tgi() -> AsyncIterator[StandInTGI]:
    async with StandInTGI() as standin:
        yield standin


@pytest.fixture
def settings(tmp_path: Path, tgi: StandInTGI) -> dict[str, str]:
    """All is well with these."""
    return {
        "database_url": f"sqlite:///{tmp_path}/plausch.sqlite3",
        "model_server": "tgi",
        "model_url": tgi.url,
        "http_port": str(free_port()),
    }


@pytest.fixture
def examined(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Examined:
    return examination(tmp_path, monkeypatch)


async def test_all_is_well(tmp_path: Path, settings: dict[str, str]) -> None:
    async with opened(settings["database_url"]):
        done = await plausch(tmp_path, settings, "doctor")

    assert (done.code, done.err) == (0, "")
    assert all(line.startswith("✓") for line in done.lines), done.out
    assert "can be read and written" in Report(done.lines).about("database")
    assert "up to date" in Report(done.lines).about("schema")
    assert "plausch/stand-in answers, window 4096 tokens" in Report(done.lines).about("model server")
    assert "leave 3072 of 4096" in Report(done.lines).about("window")
    assert "is free" in Report(done.lines).about("web server")
    assert "Europe/Berlin" in Report(done.lines).about("time zone")


async def test_five_wrong_settings_are_five_clear_lines(tmp_path: Path) -> None:
    settings = {
        "database_url": "mysql://root:geheim@host/plausch",
        "model_server": "tgi",
        "http_port": "eighty",
        "time_zone": "Europe/Bärlin",
        "telegram_tokn": TOKEN,
        "redis_url": "localhost:6379",
    }
    done = await plausch(tmp_path, settings | {"model_url": "127.0.0.1:8080"}, "doctor")

    found = Report(done.lines).wrong
    assert done.code == 1
    assert len(found) == 6
    assert {found_line.split()[1] for found_line in found} == {
        "PLAUSCH_DATABASE_URL",
        "PLAUSCH_MODEL_URL",
        "PLAUSCH_HTTP_PORT",
        "PLAUSCH_TIME_ZONE",
        "PLAUSCH_TELEGRAM_TOKN",
        "PLAUSCH_REDIS_URL",
    }
    assert "Use sqlite:////path/to/file" in Report(done.lines).about("PLAUSCH_DATABASE_URL")
    assert "Did you mean PLAUSCH_TELEGRAM_TOKEN?" in Report(done.lines).about("PLAUSCH_TELEGRAM_TOKN")
    assert "not checked. First PLAUSCH_MODEL_URL must be right." in Report(done.lines).about("model server")
    assert "off" in Report(done.lines).about("Telegram")
    assert done.err == ""


async def test_five_things_that_cannot_be_reached_are_five_lines_and_no_secret_is_printed(
    tmp_path: Path, settings: dict[str, str]
) -> None:
    nobody = f"127.0.0.1:{free_port()}"
    settings |= {
        "database_url": f"postgresql://plausch:geheim-eins@{nobody}/plausch",
        "redis_url": f"redis://:geheim-zwei@{nobody}/0",
        "model_url": f"http://plausch:geheim-drei@{nobody}",
        "slack_bot_token": "xoxb-geheim-vier",
        "slack_app_token": "xapp-geheim-fünf",
        "slack_api_url": f"http://{nobody}/api/",
        "telegram_token": TOKEN,
        "telegram_api_url": f"http://{nobody}/bot",
    }
    done = await plausch(tmp_path, settings, "doctor")

    assert done.code == 1
    assert len(Report(done.lines).wrong) == 5
    for what in ("PLAUSCH_DATABASE_URL", "PLAUSCH_REDIS_URL", "PLAUSCH_MODEL_URL", "Slack", "Telegram"):
        assert Report(done.lines).about(what).startswith("✗")
    assert "geheim" not in done.out + done.err
    assert TOKEN.partition(":")[2] not in done.out + done.err


async def test_an_address_that_cannot_be_read_does_not_give_away_its_password(examined: Examined) -> None:
    done = await examined({"database_url": "postgres:plausch:geheim@host/plausch"})

    assert done.about("PLAUSCH_DATABASE_URL").startswith("✗")
    assert "geheim" not in done.text


async def test_settings_of_a_file_are_checked_too(tmp_path: Path, settings: dict[str, str], examined: Examined) -> None:
    (tmp_path / ".env").write_text("PLAUSCH_LOG_LEVEL=loud\nPLAUSCH_TEMPERATURE=7\n")
    done = await examined(settings)

    assert done.wrong
    assert "Use one of debug, info, warning, error." in done.about("PLAUSCH_LOG_LEVEL")
    assert "Use a number from 0 to 2" in done.about("PLAUSCH_TEMPERATURE")
    assert done.about("web server").startswith("✓")


# ── this machine ─────────────────────────────────────────────────────────────────────────────────────────────────────


async def test_a_port_that_another_program_has_is_wrong(
    settings: dict[str, str], examined: Examined, tgi: StandInTGI
) -> None:
    done = await examined(settings | {"http_port": tgi.url.rpartition(":")[2]})

    assert done.wrong
    assert "another program listens" in done.about("PLAUSCH_HTTP_PORT")


async def test_a_port_that_plausch_itself_has_is_a_warning(settings: dict[str, str], examined: Examined) -> None:
    async with running(**settings):
        done = await examined(settings)

    assert not done.wrong
    assert "plausch runs already" in done.about("web server")


async def test_an_address_of_another_machine_is_wrong(settings: dict[str, str], examined: Examined) -> None:
    done = await examined(settings | {"http_host": "192.0.2.1"})

    assert done.wrong
    assert "no address to listen on" in done.about("PLAUSCH_HTTP_HOST")


# ── how it is said ───────────────────────────────────────────────────────────────────────────────────────────────────


async def test_what_a_server_says_is_made_harmless(
    settings: dict[str, str], examined: Examined, tgi: StandInTGI
) -> None:
    tgi.model_id = "böse\x1b]0;gekapert\x07\n✓ alles gut"
    done = await examined(settings)

    assert "\x1b" not in done.text
    assert "böse�]0;gekapert�" in done.about("model server")


async def test_on_a_terminal_it_is_a_table(tmp_path: Path, settings: dict[str, str]) -> None:
    async with terminal(tmp_path, settings, "doctor") as person:
        assert await person.ended() == 0
        await person.until("Europe/Berlin")

    assert "\x1b[32m✓" in person.raw


async def test_what_hangs_is_given_up_and_holds_up_nothing(settings: dict[str, str], examined: Examined) -> None:
    async def hang(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()
        writer.close()

    async with await asyncio.start_server(hang, "127.0.0.1", 0) as server:
        nowhere = f"127.0.0.1:{server.sockets[0].getsockname()[1]}"
        settings |= {"model_url": f"http://{nowhere}", "slack_bot_token": "xoxb-1", "slack_signing_secret": "a"}
        settings |= {"slack_api_url": f"http://{nowhere}/api/", "redis_url": f"redis://{nowhere}/0"}
        begun = time.monotonic()
        done = await examined(settings, limit_seconds=4)

    assert time.monotonic() - begun < 15
    for what in ("model server", "Slack"):
        assert "no answer within 4 s" in done.about(what)
    assert "does not answer" in done.about("PLAUSCH_REDIS_URL")
    assert done.about("web server").startswith("✓")
