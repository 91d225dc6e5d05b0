"""Settings: the environment or a ``.env`` file, checked as a whole before anything starts."""

from __future__ import annotations

import difflib
import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal, Self
from zoneinfo import ZoneInfo, available_timezones

import platformdirs
from dotenv import dotenv_values
from pydantic import Field, SecretStr, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict

from conversation.errors import PlauschError, SettingWrong
from conversation.profiles import DEFAULT_SYSTEM_PROMPT, PROFILES

if TYPE_CHECKING:
    from collections.abc import Collection

PREFIX = "PLAUSCH_"
_DATABASES = ("sqlite", "postgresql", "postgres")
_LARGEST_PORT = 65535


class SettingsWrong(PlauschError):
    """One setting or more can't work; ``problems`` has a line for each."""

    def __init__(self, problems: list[SettingWrong]) -> None:
        super().__init__("\n".join(str(problem) for problem in problems))
        self.problems = problems


def _default_database() -> str:
    return f"sqlite:///{Path(platformdirs.user_data_dir('plausch')) / 'plausch.sqlite3'}"


class Settings(BaseSettings):
    """Every setting there is, each with its default. The variables are these names in upper case after ``PLAUSCH_``."""

    model_config = SettingsConfigDict(env_prefix=PREFIX, env_file=".env", extra="ignore", protected_namespaces=())

    database_url: str = Field(default_factory=_default_database)
    """Where conversations are stored: ``sqlite:///file`` or ``postgresql://user:password@host/database``."""
    redis_url: str | None = None
    """Redis or Valkey as the hot copy. Needed by none, useful to many processes."""
    model_server: Literal["embedded", "tgi", "openai"] = "embedded"
    """What answers: a small model on this machine, a TGI server, or a server with OpenAI's completions."""
    model_url: str | None = None
    """Where the model server listens; needed for ``tgi`` and ``openai``."""
    model_profile: str | None = None
    """Prompt format, sampling and licence that belong to the model: ``em-german`` or ``qwen-coder-small``."""
    model_name: str | None = None
    """The model's name, where an ``openai`` server serves several."""
    model_key: SecretStr | None = None
    """Bearer key of the model server."""
    embedded_model: str | None = None
    """Another model for ``embedded``: a path to a GGUF file, or ``hub-repository:file``."""
    answer_tokens: Annotated[int, Field(ge=16, le=32768)] | None = None
    """How long an answer may get, in tokens. Default: the profile's."""
    temperature: Annotated[float, Field(ge=0, le=2)] | None = None
    """How freely the model picks its words. Default: the profile's."""
    system_prompt: str = DEFAULT_SYSTEM_PROMPT
    """What the model is told about itself before each conversation."""
    time_zone: str = "Europe/Berlin"
    """The time zone of times that people read."""
    slack_bot_token: SecretStr | None = None
    """Slack's bot token (``xoxb-…``); Slack is off without it."""
    slack_app_token: SecretStr | None = None
    """Slack's app token (``xapp-…``); when set, events come by Socket Mode."""
    slack_signing_secret: SecretStr | None = None
    """Slack's signing secret; needed where events come over HTTP."""
    slack_api_url: str | None = None
    """Another address of Slack's API, ending in ``/api/``."""
    telegram_token: SecretStr | None = None
    """The token that BotFather gives; Telegram is off without it."""
    telegram_webhook_url: str | None = None
    """The public HTTPS address of ``/telegram/webhook``; without it updates are polled."""
    telegram_webhook_secret: SecretStr | None = None
    """What Telegram sends along with each webhook call: 1 to 256 of A–Z, a–z, 0–9, ``_`` and ``-``."""
    telegram_api_url: str | None = None
    """Another address of Telegram's API, before the token, as ``https://api.telegram.org/bot``."""
    http_host: str = "127.0.0.1"
    """Where the web server listens. Loopback only, unless you change it."""
    http_port: Annotated[int, Field(ge=0, le=_LARGEST_PORT)] = 8080
    """The web server's port."""
    web_chat: bool = False
    """Open the web chat to other machines. Without it the page answers this machine only."""
    answers_at_once: Annotated[int, Field(ge=1, le=10_000)] = 64
    """How many answers a process writes at the same time."""
    drain_seconds: Annotated[float, Field(ge=0, le=3600)] = 30
    """How long answers that people see being written may take to end once the process is told to."""
    open_turns_conversation: Annotated[int, Field(ge=1, le=1_000_000)] = 20
    """How many questions of one conversation may wait for an answer; beyond it a notice says so."""
    open_turns_workspace: Annotated[int, Field(ge=1, le=1_000_000)] = 1_000
    """The same for a whole workspace: a Slack team, a Telegram bot, the web page."""
    open_turns: Annotated[int, Field(ge=1, le=1_000_000)] = 5_000
    """The same for everything together."""
    oldest_turn_seconds: Annotated[int, Field(ge=1, le=1_000_000)] = 300
    """How long a question may wait before ``/readyz`` and the doctor name it."""
    log_level: Literal["debug", "info", "warning", "error"] = "info"
    """How much is logged. Message texts and tokens never are."""

    @classmethod
    def load(cls) -> Self:
        """Read and check all settings. Raises ``SettingsWrong`` with every problem, not only the first."""
        settings, problems = cls.as_far_as_it_goes()
        if problems:
            raise SettingsWrong(problems)
        return settings

    @classmethod
    def as_far_as_it_goes(cls) -> tuple[Self, list[SettingWrong]]:
        """The settings, with defaults for those that are wrong, and every problem, each setting once."""
        problems = {problem.name: problem for problem in _misspelt(cls)}
        try:
            settings = cls()
        except ValidationError as invalid:
            wrong = [_problem(str(error["loc"][0]), error["msg"]) for error in invalid.errors()]
            problems |= {problem.name: problem for problem in wrong}
            settings = cls._without(problems)
        # A problem may hide another: what stands first is mended, then it is looked at again.
        while fresh := {problem.name: problem for problem in settings.problems() if problem.name not in problems}:
            problems |= fresh
            settings = cls._without(problems)
        return settings, list(problems.values())

    @classmethod
    def _without(cls, broken: Collection[str]) -> Self:
        """The settings, the broken ones at their defaults: what is given goes before the environment and ``.env``."""
        fields = {name: field for name, field in cls.model_fields.items() if PREFIX + name.upper() in broken}
        return cls(**{name: field.get_default(call_default_factory=True) for name, field in fields.items()})

    def problems(self) -> list[SettingWrong]:
        """What can't work although each value alone looks well."""
        return [
            *self._database_problems(),
            *self._model_problems(),
            *self._platform_problems(),
            *(() if self.time_zone in available_timezones() else [_wrong("time_zone", "no such time zone.")]),
        ]

    @property
    def zone(self) -> ZoneInfo:
        """The time zone of times that people read."""
        return ZoneInfo(self.time_zone)

    def _database_problems(self) -> list[SettingWrong]:
        found = []
        scheme, is_address, rest = self.database_url.partition("://")
        if not is_address or scheme not in _DATABASES:
            # Without "://" the whole could be a password.
            what = repr(scheme) if is_address else "this"
            found.append(_wrong("database_url", f"{what} is no database that plausch can use."))
        elif scheme == "sqlite" and not rest.removeprefix("/"):
            found.append(_wrong("database_url", "it names no file."))
        if self.redis_url and not self.redis_url.startswith(("redis://", "rediss://", "unix://")):
            found.append(_wrong("redis_url", "this is no address of a Redis."))
        return found

    def _model_problems(self) -> list[SettingWrong]:
        found = []
        if self.model_server != "embedded" and not (self.model_url or "").startswith(("http://", "https://")):
            found.append(_wrong("model_url", f"{self.model_server!r} needs the address of the model server."))
        if self.model_profile and self.model_profile not in PROFILES:
            found.append(_wrong("model_profile", f"there is no profile {self.model_profile!r}."))
        return found

    def _platform_problems(self) -> list[SettingWrong]:
        found = []
        if self.slack_bot_token and not (self.slack_app_token or self.slack_signing_secret):
            found.append(_wrong("slack_app_token", "Slack's bot token alone brings no messages."))
        if self.telegram_webhook_url and not self.telegram_webhook_url.startswith("https://"):
            local = self.telegram_api_url and self.telegram_webhook_url.startswith("http://127.0.0.1")
            if not local:
                found.append(_wrong("telegram_webhook_url", "Telegram calls HTTPS addresses only."))
        if self.telegram_webhook_url and not self.telegram_webhook_secret:
            found.append(_wrong("telegram_webhook_secret", "anybody could call the webhook without it."))
        return found


_CURES = {
    "database_url": "Use sqlite:////path/to/file, or postgresql://user:password@host/database.",
    "redis_url": "Use redis://host:6379/0, or remove the setting.",
    "model_server": "Use one of embedded, tgi, openai.",
    "model_url": "Set it to where the server listens, as in http://127.0.0.1:8081.",
    "model_profile": f"Use one of {', '.join(PROFILES)}, or remove the setting.",
    "answer_tokens": "Use a whole number from 16 to 32768, or remove the setting.",
    "temperature": "Use a number from 0 to 2, or remove the setting.",
    "time_zone": "Use a name as in Europe/Berlin.",
    "http_port": f"Use a whole number from 0 to {_LARGEST_PORT}; 8080 is the default.",
    "web_chat": "Use true or false.",
    "answers_at_once": "Use a whole number from 1 to 10000; 64 is the default.",
    "drain_seconds": "Use a number of seconds from 0 to 3600; 30 is the default.",
    "open_turns_conversation": "Use a whole number from 1 to 1000000; 20 is the default.",
    "open_turns_workspace": "Use a whole number from 1 to 1000000; 1000 is the default.",
    "open_turns": "Use a whole number from 1 to 1000000; 5000 is the default.",
    "oldest_turn_seconds": "Use a whole number of seconds from 1 to 1000000; 300 is the default.",
    "log_level": "Use one of debug, info, warning, error.",
    "slack_app_token": "Set it too (Socket Mode), or PLAUSCH_SLACK_SIGNING_SECRET (events over HTTP).",
    "telegram_webhook_url": "Use https://your.host/telegram/webhook, or remove the setting to poll.",
    "telegram_webhook_secret": "Set it to a long random word, as `openssl rand -hex 32` prints one.",
}


def _wrong(name: str, problem: str) -> SettingWrong:
    return SettingWrong(PREFIX + name.upper(), problem, _CURES.get(name, "See the table of settings in README.md."))


def _problem(name: str, message: str) -> SettingWrong:
    return _wrong(name, f"{message[:1].lower()}{message[1:]}.")


def _misspelt(settings: type[Settings]) -> list[SettingWrong]:
    """Variables with our prefix that are no settings: a typing error would be silent otherwise."""
    known = {PREFIX + name.upper() for name in settings.model_fields} | {"PLAUSCH_FAILPOINT"}
    given = {*os.environ, *dotenv_values(".env")} - known
    names = sorted(name for name in given if name.startswith(PREFIX) and not name.startswith("PLAUSCH_TEST_"))
    return [SettingWrong(name, "there is no such setting.", _what_was_meant(name, known)) for name in names]


def _what_was_meant(name: str, known: Collection[str]) -> str:
    """The name alone is compared: all have the prefix in common."""
    names = [one.removeprefix(PREFIX) for one in known]
    alike = difflib.get_close_matches(name.removeprefix(PREFIX), names, 1, cutoff=0.7)
    return f"Did you mean {PREFIX}{alike[0]}?" if alike else "Remove it."
