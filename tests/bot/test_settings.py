"""Settings: where they come from, and what is said of each that can't work."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from bot.settings import Settings, SettingsWrong
from conversation.profiles import DEFAULT_SYSTEM_PROMPT

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where the command runs; it has no ``.env`` yet."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def given(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Set variables of the environment, by the settings' names."""

    def give(**values: str) -> None:
        for name, value in values.items():
            monkeypatch.setenv(f"PLAUSCH_{name.upper()}", value)

    return give


def problems() -> dict[str, str]:
    """What is said of each setting that is wrong."""
    with pytest.raises(SettingsWrong) as wrong:
        Settings.load()
    return {problem.name: f"{problem.problem} {problem.cure}" for problem in wrong.value.problems}


def test_nothing_needs_to_be_set() -> None:
    settings = Settings.load()

    assert settings.database_url.startswith("sqlite:////")
    assert settings.database_url.endswith("/plausch.sqlite3")
    assert (settings.model_server, settings.http_host, settings.http_port) == ("embedded", "127.0.0.1", 8080)
    assert settings.system_prompt == DEFAULT_SYSTEM_PROMPT
    assert (settings.web_chat, settings.slack_bot_token, settings.telegram_token) == (False, None, None)
    assert str(settings.zone) == "Europe/Berlin"


def test_a_file_is_read_and_the_environment_goes_before_it(folder: Path, given: Callable[..., None]) -> None:
    (folder / ".env").write_text("PLAUSCH_HTTP_PORT=1234\nPLAUSCH_TIME_ZONE=Europe/Vienna\n")
    given(http_port="4321")

    settings = Settings.load()

    assert (settings.http_port, settings.time_zone) == (4321, "Europe/Vienna")


def test_what_others_keep_in_the_file_is_no_concern_of_ours(folder: Path) -> None:
    (folder / ".env").write_text("POSTGRES_PASSWORD=x\nPLAUSCH_HTTP_PORT=1234\n")

    assert Settings.load().http_port == 1234


def test_secrets_are_not_shown(given: Callable[..., None]) -> None:
    given(telegram_token="123:geheim", slack_bot_token="xoxb-geheim", slack_app_token="xapp-geheim", model_key="geheim")

    assert "geheim" not in repr(Settings.load())


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("database_url", "mysql://host/plausch", "Use sqlite:////path/to/file"),
        ("database_url", "plausch.sqlite3", "Use sqlite:////path/to/file"),
        ("database_url", "sqlite://", "it names no file"),
        ("redis_url", "localhost:6379", "Use redis://host:6379/0"),
        ("model_server", "vllm", "Use one of embedded, tgi, openai"),
        ("model_profile", "gpt", "Use one of em-german, qwen-coder-small"),
        ("answer_tokens", "1", "Use a whole number from 16 to 32768"),
        ("answer_tokens", "viele", "Use a whole number from 16 to 32768"),
        ("temperature", "3", "Use a number from 0 to 2"),
        ("time_zone", "Berlin", "Use a name as in Europe/Berlin"),
        ("http_port", "99999", "Use a whole number from 0 to 65535"),
        ("web_chat", "vielleicht", "Use true or false"),
        ("log_level", "loud", "Use one of debug, info, warning, error"),
    ],
)
def test_a_value_that_cannot_work_is_named_with_its_cure(
    given: Callable[..., None], name: str, value: str, said: str
) -> None:
    given(**{name: value})

    found = problems()

    assert list(found) == [f"PLAUSCH_{name.upper()}"]
    assert said in found[f"PLAUSCH_{name.upper()}"]


@pytest.mark.parametrize("model_server", ["tgi", "openai"])
@pytest.mark.parametrize("model_url", ["", "127.0.0.1:8080"])
def test_a_model_server_elsewhere_needs_its_address(
    given: Callable[..., None], model_server: str, model_url: str
) -> None:
    given(model_server=model_server, model_url=model_url)

    assert "http://127.0.0.1:8081" in problems()["PLAUSCH_MODEL_URL"]


def test_slacks_bot_token_alone_brings_no_messages(given: Callable[..., None]) -> None:
    given(slack_bot_token="xoxb-1")
    assert "PLAUSCH_SLACK_SIGNING_SECRET" in problems()["PLAUSCH_SLACK_APP_TOKEN"]

    given(slack_signing_secret="a")
    assert Settings.load().slack_app_token is None


def test_a_webhook_needs_https_and_a_secret(given: Callable[..., None]) -> None:
    given(telegram_token="1:a", telegram_webhook_url="http://plausch.test/telegram/webhook")
    assert set(problems()) == {"PLAUSCH_TELEGRAM_WEBHOOK_URL", "PLAUSCH_TELEGRAM_WEBHOOK_SECRET"}

    given(telegram_webhook_url="https://plausch.test/telegram/webhook", telegram_webhook_secret="a")
    assert Settings.load().telegram_webhook_url == "https://plausch.test/telegram/webhook"


def test_a_webhook_on_this_machine_is_for_a_stand_in_only(given: Callable[..., None]) -> None:
    given(telegram_webhook_url="http://127.0.0.1:8080/telegram/webhook", telegram_webhook_secret="a")
    assert set(problems()) == {"PLAUSCH_TELEGRAM_WEBHOOK_URL"}

    given(telegram_api_url="http://127.0.0.1:9000/bot")
    assert Settings.load().telegram_webhook_secret is not None


def test_a_misspelt_name_is_wrong_and_what_it_may_have_meant_is_said(given: Callable[..., None]) -> None:
    given(telegram_tokn="1:a", flux_capacitor="1")

    found = problems()

    assert found["PLAUSCH_TELEGRAM_TOKN"] == "there is no such setting. Did you mean PLAUSCH_TELEGRAM_TOKEN?"
    assert found["PLAUSCH_FLUX_CAPACITOR"] == "there is no such setting. Remove it."


def test_a_misspelt_name_is_found_in_the_file_too(folder: Path) -> None:
    (folder / ".env").write_text("PLAUSCH_TELEGRAM_TOKN=1:a\n", "utf-8")

    assert set(problems()) == {"PLAUSCH_TELEGRAM_TOKN"}


def test_an_address_without_a_scheme_is_not_repeated_since_it_may_be_a_password(given: Callable[..., None]) -> None:
    given(database_url="plausch:geheim@db", redis_url="http://x")

    found = problems()

    assert set(found) == {"PLAUSCH_DATABASE_URL", "PLAUSCH_REDIS_URL"}
    assert "geheim" not in "".join(found.values())


def test_every_problem_is_said_at_once(given: Callable[..., None]) -> None:
    given(http_port="eighty", log_level="loud", temperature="hot", tim_zone="UTC", model_server="tgi")

    assert set(problems()) == {
        "PLAUSCH_HTTP_PORT",
        "PLAUSCH_LOG_LEVEL",
        "PLAUSCH_MODEL_URL",
        "PLAUSCH_TEMPERATURE",
        "PLAUSCH_TIM_ZONE",
    }
