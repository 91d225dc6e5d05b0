"""The dashboard in the web server. It is imported with its first request: the start need not wait for it."""

from __future__ import annotations

import asyncio
import importlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping, Sequence
    from zoneinfo import ZoneInfo

    from starlette.applications import Starlette
    from starlette.types import Receive, Scope, Send

    from adapters.stores.sql.database import Database
    from conversation.turns import Backlog


class Dashboard:
    """An ASGI application for ``/admin`` and all below it."""

    def __init__(
        self,
        database: Database,
        zone: ZoneInfo,
        backlog: Callable[[], Awaitable[Backlog]],
        troubles: Callable[[], Mapping[str, str]],
        platforms: Sequence[str],
    ) -> None:
        """``troubles``: what is wrong now, by part. ``zone``: of operators who chose none."""
        self._given = (database, zone, backlog, troubles, platforms)
        self._loading = asyncio.Lock()
        self._application: Starlette | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request."""
        async with self._loading:
            if self._application is None:
                making = await asyncio.to_thread(importlib.import_module, "bot.dashboard.making")
                self._application = making.application_of(*self._given)
            application = self._application
        await application(scope, receive, send)
