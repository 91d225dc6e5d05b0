"""``plausch`` with Slack's pauses for one answer alone: ``python -m benchmarks.unpaced run``."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING, Any

from adapters.platforms import slack
from adapters.platforms.slack.pacing import Bucket, Pacer, Tier

if TYPE_CHECKING:
    from collections.abc import Hashable

REMEMBERED = 1000


class Alone(Pacer):
    """Every answer finds all of its workspace's budget, as if it were the only one, and keeps its own interval."""

    def bucket(self, tier: Tier, channel: str = "") -> Bucket:  # noqa: ARG002 - nobody shares it
        """A full one."""
        return Bucket(tier, time.monotonic, asyncio.sleep)

    async def reserve(self, answer: Hashable, tier: Tier, *, last: bool, under_way: int) -> None:  # noqa: ARG002 - alone
        """Return when ``answer`` may be written on."""
        await super().reserve(answer, tier, last=last, under_way=1)

    def _note(self, answer: Hashable, under_way: int) -> None:  # noqa: ARG002 - there are many all the same
        super()._note(answer, REMEMBERED)


class Unpaced(slack.Slack):
    """The platform with that pacer."""

    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        self._pacer = Alone()


if __name__ == "__main__":
    # The service imports the platform when it is made, from this very module.
    slack.Slack = Unpaced  # type: ignore[misc, assignment]  # the one thing that is other than in the service

    from bot.cli import main

    main()
