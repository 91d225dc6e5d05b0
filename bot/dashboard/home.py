"""The first page: how it stands now."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from starlette.responses import Response

    from bot.dashboard.page import Page


async def home(page: Page) -> Response:
    """Model server, platforms, what waits and what is stuck."""
    desk, troubles = page.desk, page.desk.troubles()
    backlog = await desk.backlog()
    return page.show(
        "home.html",
        model=troubles.get("model server"),
        platforms=[(platform, troubles.get(platform)) for platform in desk.platforms],
        waiting=backlog.open,
        oldest_seconds=backlog.oldest_seconds if backlog.open else None,
        parked=backlog.parked,
    )
