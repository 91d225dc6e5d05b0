"""The doctor's examination in the test's own process, and a report to look at."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

from bot import doctor
from bot.cli_doctor import lines

if TYPE_CHECKING:
    from pathlib import Path

    import pytest

Examined: TypeAlias = Callable[..., Awaitable["Report"]]


@dataclass(frozen=True, slots=True)
class Report:
    """What the doctor printed."""

    lines: list[str]

    @property
    def text(self) -> str:
        return "\n".join(self.lines)

    @property
    def wrong(self) -> list[str]:
        return [line for line in self.lines if line.startswith("✗")]

    def about(self, what: str) -> str:
        """The one line about this."""
        (found,) = [line for line in self.lines if line[2:].startswith(f"{what} ")]
        return found


def examination(folder: Path, patch: pytest.MonkeyPatch) -> Examined:
    """Examines settings, in a folder that is also the user's home."""

    async def examine(settings: Mapping[str, str], limit_seconds: float = 30) -> Report:
        for name, value in settings.items():
            patch.setenv(f"PLAUSCH_{name.upper()}", value)
        return Report(lines(await doctor.examine(limit_seconds)))

    patch.chdir(folder)
    patch.setenv("HOME", str(folder))
    patch.delenv("XDG_CACHE_HOME", raising=False)
    return examine
