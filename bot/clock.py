"""The real time."""

from __future__ import annotations

from datetime import UTC, datetime


class SystemClock:
    """``conversation.ports.Clock`` by the machine's clock."""

    def now(self) -> datetime:
        """The present instant, in UTC."""
        return datetime.now(UTC)
