"""What the doctor finds: one line for each check."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit

from pydantic import SecretStr

from bot.logs import scrub
from bot.terminal_text import in_one_line

if TYPE_CHECKING:
    from bot.settings import Settings
    from conversation.errors import SettingWrong

_SHORTEST_SECRET = 4
# An address that can't be read as one may hold a password all the same.
_QUOTED_ADDRESS = re.compile(r"'[^']*@[^']*'")


class Mark(StrEnum):
    """How a check ended. A warning keeps nothing from working."""

    WELL = "✓"
    WARNING = "!"
    WRONG = "✗"


@dataclass(frozen=True, slots=True)
class Finding:
    """One line: what was checked, what there is to say, and the cure where something is wrong."""

    mark: Mark
    what: str
    says: str
    cure: str = ""


def well(what: str, says: str) -> Finding:
    """Nothing to do."""
    return Finding(Mark.WELL, what, says)


def warning(what: str, says: str, cure: str) -> Finding:
    """It works, but somebody may be surprised."""
    return Finding(Mark.WARNING, what, says, cure)


def wrong(what: str, says: str, cure: str) -> Finding:
    """It can't work."""
    return Finding(Mark.WRONG, what, says, cure)


def setting_wrong(problem: SettingWrong) -> Finding:
    """A setting that can't work."""
    return wrong(problem.name, problem.problem, problem.cure)


def discreet(finding: Finding, settings: Settings) -> Finding:
    """The finding as it may be printed: without tokens and passwords, printable, on one line."""
    secrets = _secrets(settings)

    def tidy(text: str) -> str:
        for secret in secrets:
            text = text.replace(secret, "***")
        return in_one_line(text)

    says = str(scrub(_QUOTED_ADDRESS.sub("'***'", finding.says)))
    return replace(finding, says=tidy(says), cure=tidy(finding.cure))


def _secrets(settings: Settings) -> list[str]:
    """Every secret that the settings hold, longest first: one may be a part of another."""
    found = set()
    for value in dict(settings).values():
        if isinstance(value, SecretStr):
            found.add(value.get_secret_value())
        elif isinstance(value, str) and "://" in value and (password := urlsplit(value).password):
            found |= {password, unquote(password)}
    return sorted((secret for secret in found if len(secret) >= _SHORTEST_SECRET), key=len, reverse=True)
