"""What ``plausch doctor`` says of stores, platforms and model servers, in front of stand-ins."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from adapters.standins.openai import Flavour, StandInOpenAI
from adapters.standins.slack import StandInSlack
from adapters.standins.telegram.server import StandInTelegram
from adapters.standins.telegram.world import Tuning
from adapters.standins.tgi import StandInTGI
from tests.support.databases import opened, postgres_database
from tests.support.doctor import Examined, examination
from tests.support.service import free_port
from tests.support.valkey import running_valkey

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


# ── stores ───────────────────────────────────────────────────────────────────────────────────────────────────────────


async def test_a_database_that_is_not_there_yet_is_well_and_not_made(
    tmp_path: Path, settings: dict[str, str], examined: Examined
) -> None:
    settings["database_url"] = f"sqlite:///{tmp_path}/new/plausch.sqlite3"
    done = await examined(settings)

    assert not done.wrong
    assert "will be made by the first start" in done.about("database")
    assert not (tmp_path / "new").exists()


async def test_a_database_in_a_place_that_is_no_folder_is_wrong(
    tmp_path: Path, settings: dict[str, str], examined: Examined
) -> None:
    (tmp_path / "file").write_text("")
    settings["database_url"] = f"sqlite:///{tmp_path}/file/plausch.sqlite3"
    done = await examined(settings)

    assert done.wrong
    assert "can't be made" in done.about("PLAUSCH_DATABASE_URL")


async def test_a_file_that_is_no_database_is_wrong(
    tmp_path: Path, settings: dict[str, str], examined: Examined
) -> None:
    (tmp_path / "plausch.sqlite3").write_text("no database " * 100)
    done = await examined(settings)

    assert done.wrong
    assert "the file is no database (SQLITE_NOTADB)" in done.about("PLAUSCH_DATABASE_URL")


async def test_an_old_schema_is_a_warning(tmp_path: Path, settings: dict[str, str], examined: Examined) -> None:
    (tmp_path / "plausch.sqlite3").touch()
    done = await examined(settings)

    assert not done.wrong
    assert done.about("schema").startswith("! schema")
    assert "plausch db upgrade" in done.about("schema")


async def test_a_database_that_is_busy_is_a_warning(settings: dict[str, str], examined: Examined) -> None:
    async with opened(settings["database_url"]) as database, database.writing():
        done = await examined(settings)

    assert not done.wrong
    assert done.about("database").startswith("!")


async def test_a_postgresql_and_a_redis_that_are_well(
    settings: dict[str, str], examined: Examined, postgres_socket: str
) -> None:
    with running_valkey() as valkey:
        async with postgres_database(postgres_socket) as url:
            done = await examined(settings | {"database_url": url, "redis_url": valkey.url})

    assert not done.wrong
    assert "can be read and written" in done.about("database")
    assert done.about("schema").startswith("!")
    assert "it answers" in done.about("Redis")


async def test_a_postgresql_that_only_reads_is_wrong(
    settings: dict[str, str], examined: Examined, postgres_socket: str
) -> None:
    async with postgres_database(postgres_socket) as url:
        async with opened(url) as database, database.engine.connect() as connection:
            name = database.url.database
            await connection.exec_driver_sql(f'ALTER DATABASE "{name}" SET default_transaction_read_only = on')
            await connection.commit()
        done = await examined(settings | {"database_url": url})

    assert done.wrong
    assert "can only be read" in done.about("PLAUSCH_DATABASE_URL")


# ── platforms ────────────────────────────────────────────────────────────────────────────────────────────────────────


async def test_tokens_that_are_right_are_well(settings: dict[str, str], examined: Examined) -> None:
    async with StandInSlack() as slack, StandInTelegram(tuning=Tuning(privacy_mode=False)) as telegram:
        settings |= {"slack_bot_token": slack.bot_token, "slack_app_token": slack.app_token}
        settings |= {"slack_api_url": slack.api_url, "telegram_api_url": telegram.api_url}
        done = await examined(settings | {"telegram_token": telegram.token})

    assert not done.wrong
    assert "tokens and scopes are right; events come by Socket Mode" in done.about("Slack")
    assert "the bot is @plausch_bot; messages come by polling" in done.about("Telegram")
    assert "privacy" not in done.text


async def test_tokens_that_are_refused_are_wrong_and_not_printed(settings: dict[str, str], examined: Examined) -> None:
    async with StandInSlack() as slack, StandInTelegram() as telegram:
        settings |= {"slack_bot_token": "xoxb-another", "slack_app_token": slack.app_token}
        settings |= {"slack_api_url": slack.api_url, "telegram_api_url": telegram.api_url, "telegram_token": TOKEN}
        done = await examined(settings)

    assert done.wrong
    assert "Slack refuses it (invalid_auth)" in done.about("PLAUSCH_SLACK_BOT_TOKEN")
    assert "Telegram does not know this token" in done.about("PLAUSCH_TELEGRAM_TOKEN")
    assert "xoxb-another" not in done.text
    assert TOKEN not in done.text


async def test_scopes_and_a_socket_that_are_missing_are_a_line_each(
    settings: dict[str, str], examined: Examined
) -> None:
    async with StandInSlack(scopes=frozenset({"chat:write"})) as slack:
        settings |= {"slack_bot_token": slack.bot_token, "slack_app_token": "xapp-another"}
        done = await examined(settings | {"slack_api_url": slack.api_url})

    assert done.wrong
    assert "lacks the scopes app_mentions:read" in done.about("PLAUSCH_SLACK_BOT_TOKEN")
    assert "Slack refuses it" in done.about("PLAUSCH_SLACK_APP_TOKEN")


async def test_a_bot_that_hears_no_mentions_is_a_warning(settings: dict[str, str], examined: Examined) -> None:
    async with StandInTelegram(tuning=Tuning(privacy_mode=True)) as telegram:
        settings |= {"telegram_token": telegram.token, "telegram_api_url": telegram.api_url}
        done = await examined(settings)

    assert not done.wrong
    assert done.about("Telegram groups").startswith("!")
    assert "/setprivacy" in done.about("Telegram groups")


async def test_a_secret_that_no_webhook_can_have_is_wrong(settings: dict[str, str], examined: Examined) -> None:
    async with StandInTelegram() as telegram:
        settings |= {"telegram_token": telegram.token, "telegram_api_url": telegram.api_url}
        settings |= {"telegram_webhook_url": "https://a.test/telegram/webhook", "telegram_webhook_secret": "mit Raum!"}
        done = await examined(settings)

    assert done.wrong
    assert done.about("PLAUSCH_TELEGRAM_WEBHOOK_SECRET").startswith("✗")
    assert "mit Raum!" not in done.text


# ── model server ─────────────────────────────────────────────────────────────────────────────────────────────────────


async def test_a_key_that_is_refused_is_wrong(settings: dict[str, str], examined: Examined) -> None:
    async with StandInTGI(key="the right one") as tgi:
        done = await examined(settings | {"model_url": tgi.url, "model_key": "another one"})

    assert done.wrong
    assert "check PLAUSCH_MODEL_KEY" in done.about("model server")
    assert "another one" not in done.text


async def test_answers_that_leave_no_room_are_wrong(settings: dict[str, str], examined: Examined) -> None:
    done = await examined(settings | {"answer_tokens": "4000"})

    assert done.wrong
    assert "Use 1024 or less" in done.about("PLAUSCH_ANSWER_TOKENS")


async def test_answers_that_leave_little_room_are_a_warning(settings: dict[str, str], examined: Examined) -> None:
    done = await examined(settings | {"answer_tokens": "3000"})

    assert not done.wrong
    assert done.about("window").startswith("!")


async def test_a_server_of_another_kind_is_wrong_and_says_which_setting_helps(
    settings: dict[str, str], examined: Examined
) -> None:
    async with StandInOpenAI(flavour=Flavour.VLLM) as vllm:
        as_tgi = await examined(settings | {"model_url": vllm.url})
    as_openai = await examined(settings | {"model_server": "openai"})

    assert (len(as_tgi.wrong), len(as_openai.wrong)) == (1, 1)
    assert "set PLAUSCH_MODEL_SERVER=openai" in as_tgi.about("model server")
    assert "set PLAUSCH_MODEL_SERVER=tgi" in as_openai.about("model server")


async def test_a_model_that_is_not_served_is_wrong(settings: dict[str, str], examined: Examined) -> None:
    async with StandInOpenAI(flavour=Flavour.VLLM) as vllm:
        settings |= {"model_server": "openai", "model_url": vllm.url}
        right = await examined(settings)
        other = await examined(settings | {"model_name": "another"})

    assert (len(right.wrong), len(other.wrong)) == (0, 1)
    assert "`another` does not exist" in other.about("model server")


async def test_an_embedded_model_that_is_not_here_yet_is_a_warning_and_not_fetched(
    tmp_path: Path, settings: dict[str, str], examined: Examined
) -> None:
    settings |= {"model_server": "embedded", "model_url": ""}
    default = await examined(settings)
    of_hub = await examined(settings | {"embedded_model": "Somebody/a-model:model.gguf"})

    assert (len(default.wrong), len(of_hub.wrong)) == (0, 0)
    assert default.about("embedded model").startswith("!")
    assert of_hub.about("embedded model").startswith("!")
    assert "GB are needed" in default.about("memory")
    assert not (tmp_path / ".cache").exists()


async def test_a_file_of_ones_own_is_looked_for(tmp_path: Path, settings: dict[str, str], examined: Examined) -> None:
    settings |= {"model_server": "embedded", "model_url": "", "embedded_model": str(tmp_path / "my.gguf")}
    missing = await examined(settings)
    (tmp_path / "my.gguf").write_bytes(b"GGUF")
    here = await examined(settings)

    assert (len(missing.wrong), len(here.wrong)) == (1, 0)
    assert "there is no file" in missing.about("PLAUSCH_EMBEDDED_MODEL")
    assert "my.gguf is here" in here.about("embedded model")
