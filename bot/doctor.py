"""``plausch doctor``: looks at everything that the settings name, all at once, and says what is wrong."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, TypeAlias

from bot import doctor_machine, doctor_model, doctor_platforms, doctor_stores
from bot.findings import Finding, discreet, setting_wrong, warning, well, wrong
from bot.settings import PREFIX, Settings
from conversation.errors import SettingWrong

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

Check: TypeAlias = "Callable[[Settings], Awaitable[Sequence[Finding]]]"

LIMIT_SECONDS = 10.0
"""So long may one check take; they run side by side."""
_CHECKS: tuple[tuple[str, Check, tuple[str, ...]], ...] = (
    ("database", doctor_stores.database, ("database_url",)),
    ("Redis", doctor_stores.redis, ("redis_url",)),
    (
        "model server",
        doctor_model.model_server,
        ("model_server", "model_url", "model_profile", "answer_tokens", "temperature"),
    ),
    ("Slack", doctor_platforms.slack, ("slack_app_token",)),
    ("Telegram", doctor_platforms.telegram, ("telegram_webhook_secret",)),
    ("web server", doctor_machine.web_server, ("http_host", "http_port")),
    ("time zone", doctor_machine.time_zone, ("time_zone",)),
)
"""What is checked, and the settings without which that makes no sense."""


async def examine(limit_seconds: float = LIMIT_SECONDS) -> list[Finding]:
    """All findings, the settings' own first. None of them holds a token or a password. Raises nothing."""
    settings, problems = Settings.as_far_as_it_goes()
    broken = {problem.name for problem in problems}
    checks = [
        _bounded(name, check, settings, [needed for needed in needs if _variable(needed) in broken], limit_seconds)
        for name, check, needs in _CHECKS
    ]
    found = [setting_wrong(problem) for problem in problems] or [_all_read(settings)]
    for findings in await asyncio.gather(*checks):
        found.extend(findings)
    return [discreet(finding, settings) for finding in found]


async def _bounded(
    name: str, check: Check, settings: Settings, broken: Sequence[str], limit_seconds: float
) -> Sequence[Finding]:
    if broken:
        return [warning(name, "not checked.", f"First {', '.join(map(_variable, broken))} must be right.")]
    try:
        async with asyncio.timeout(limit_seconds):
            return await check(settings)
    except TimeoutError:
        return [wrong(name, f"no answer within {limit_seconds:g} s.", "Check its address, and what is in between.")]
    except SettingWrong as problem:
        return [setting_wrong(problem)]
    except Exception as trouble:  # noqa: BLE001 - no check may stop the others
        problem_text = f"it can't be used ({type(trouble).__name__}: {trouble})."
        return [wrong(name, problem_text, "Check its settings, and whether it runs.")]


def _all_read(settings: Settings) -> Finding:
    return well(
        "settings", f"all can be read; {len(settings.model_fields_set)} of {len(Settings.model_fields)} are set"
    )


def _variable(name: str) -> str:
    return PREFIX + name.upper()
