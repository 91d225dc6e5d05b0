"""What the two panes have in common: how a page reads them, and how a person writes there."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Written:
    """What a person sends. ``thread`` and ``mention`` mean something only where the platform has them."""

    text: str
    thread: str = ""
    mention: bool = False


class Pane(Protocol):
    """One stand-in as a page sees it. Each language has a sample person of its own, who speaks it."""

    @property
    def most(self) -> int:
        """Characters (UTF-16 units) that one message may have."""

    def person(self, language: str) -> str:
        """The sample person's name."""

    def everything(self, language: str) -> Json:
        """All that is to be seen now: ``{"kind": "all", "messages": […], …}``."""

    def changes(self, language: str) -> AsyncIterator[Json]:
        """What is to be redrawn from this call on, each with its ``kind``: message, gone, typing."""

    async def say(self, language: str, written: Written) -> None:
        """Write as the sample person. Raises ``LookupError`` where there is no such thread."""

    async def stop(self, language: str, thread: str) -> None:
        """Press the platform's own stop button, where it has one."""
