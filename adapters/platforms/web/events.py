from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING

from starlette.responses import Response

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from starlette.types import Receive, Scope, Send

    from conversation.messages import ConversationKey
    from conversation.ports import Signals
    from conversation.turns import Frame

HEARTBEAT_SECONDS = 15.0
"""Shorter than the idle limits of common proxies (nginx: 60 s)."""
READY = b"retry: 1000\nevent: ready\ndata: {}\n\n"
"""From here on no frame is missed: now the page loads the conversation."""
ALIVE = b": alive\nevent: alive\ndata: {}\n\n"
"""A comment keeps proxies awake; the event beside it lets the page notice a dead connection."""


class EventStream(Response):
    """The frames of a conversation as server-sent events, until the browser goes or ``closing`` is set."""

    def __init__(
        self,
        signals: Signals,
        conversation: ConversationKey,
        closing: asyncio.Event,
        heartbeat_seconds: float = HEARTBEAT_SECONDS,
    ) -> None:
        super().__init__(
            media_type="text/event-stream", headers={"Cache-Control": "no-store", "X-Accel-Buffering": "no"}
        )
        # The base class knows an empty body's length; a stream has none.
        del self.headers["content-length"]
        self._signals = signals
        self._conversation = conversation
        self._closing = closing
        self._heartbeat_seconds = heartbeat_seconds

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send until there is a reason to end; whatever ends it, the watch is given back."""
        del scope
        ends = {asyncio.create_task(_gone(receive)), asyncio.create_task(self._closing.wait())}
        try:
            await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})
            async with self._signals.watch(self._conversation) as frames:
                await self._follow(frames, ends, send)
            await send({"type": "http.response.body", "body": b"", "more_body": False})
        finally:
            await _cancel(ends)

    async def _follow(self, frames: AsyncIterator[Frame], ends: set[asyncio.Task[object]], send: Send) -> None:
        await _write(send, READY)
        following = asyncio.create_task(_following(frames))
        try:
            while True:
                await asyncio.wait(
                    {following, *ends}, timeout=self._heartbeat_seconds, return_when=asyncio.FIRST_COMPLETED
                )
                if any(end.done() for end in ends):
                    return
                if not following.done():
                    await _write(send, ALIVE)
                    continue
                frame = following.result()
                if frame is None:
                    return
                await _write(send, as_event(frame))
                following = asyncio.create_task(_following(frames))
        finally:
            await _cancel({following})


def as_event(frame: Frame) -> bytes:
    """One ``data:`` line; JSON escapes every line break. ``offset`` counts code points."""
    content = {
        "turn": frame.turn_id,
        "number": frame.number,
        "offset": frame.offset,
        "text": frame.text,
        "last": frame.last,
        "kind": frame.kind,
    }
    return f"data: {json.dumps(content, ensure_ascii=False)}\n\n".encode()


async def _write(send: Send, body: bytes) -> None:
    await send({"type": "http.response.body", "body": body, "more_body": True})


async def _following(frames: AsyncIterator[Frame]) -> Frame | None:
    return await anext(frames, None)


async def _gone(receive: Receive) -> object:
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            return message


async def _cancel(tasks: set[asyncio.Task[object]] | set[asyncio.Task[Frame | None]]) -> None:
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
