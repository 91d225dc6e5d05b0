"""What happens in a pane, as server-sent events."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING, Any

from starlette.responses import StreamingResponse

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, AsyncIterator

    from adapters.standins.panes.pane import Json

HEARTBEAT_SECONDS = 15.0
ALIVE = b": alive\n\n"


def stream(events: AsyncGenerator[Json, None], closing: asyncio.Event, heartbeat_seconds: float) -> StreamingResponse:
    """Each event as one ``data:`` line, until the browser goes, the events end, or ``closing`` is set."""
    return StreamingResponse(
        _lines(events, closing, heartbeat_seconds),
        media_type="text/event-stream",
        headers={"Cache-Control": "no-store"},
    )


async def _lines(
    events: AsyncGenerator[Json, None], closing: asyncio.Event, heartbeat_seconds: float
) -> AsyncIterator[bytes]:
    end: asyncio.Task[Any] = asyncio.create_task(closing.wait())
    following: asyncio.Task[Any] = asyncio.create_task(_next(events))
    try:
        while not end.done():
            await asyncio.wait({following, end}, timeout=heartbeat_seconds, return_when=asyncio.FIRST_COMPLETED)
            if not following.done():
                yield ALIVE
                continue
            if (event := following.result()) is None:
                return
            yield f"data: {json.dumps(event, ensure_ascii=False)}\n\n".encode()
            following = asyncio.create_task(_next(events))
    finally:
        for task in (end, following):
            task.cancel()
        await asyncio.gather(end, following, return_exceptions=True)
        await events.aclose()


async def _next(events: AsyncIterator[Json]) -> Json | None:
    return await anext(events, None)
