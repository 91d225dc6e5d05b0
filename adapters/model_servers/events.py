"""Server-sent events, read with little work for each token: one wake-up, one split, one ``json.loads``.

A bare aiohttp reader takes a quarter of the processor time that huggingface_hub's client takes for the same stream.
"""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING, Any

import aiohttp

from conversation.errors import ModelServerError, ModelServerUnreachable, StreamBroken

if TYPE_CHECKING:
    from collections.abc import Mapping

# llama.cpp's server has sent errors as a field of their own, "error: {…}".
_FIELDS = (b"data:", b"error:")
_LONGEST_LINE = 1 << 20
_END_SECONDS = 1.0
_DECODER = json.JSONDecoder()


class Events:
    """The payloads of one response's events.

    Waiting is limited by events, not bytes: a router goes on sending comments when the model behind it has died. One
    timer watches the whole stream, since a time limit of its own for each token costs more than reading it.
    """

    def __init__(self, response: aiohttp.ClientResponse, first_seconds: float, idle_seconds: float) -> None:
        self._response = response
        self._loop = asyncio.get_running_loop()
        self._patience = first_seconds
        self._idle = idle_seconds
        self._begun = False
        self._rest = b""
        self._deadline: float | None = None
        self._stalled = False
        self._timer = self._loop.call_later(min(first_seconds, idle_seconds), self._look)

    async def more(self) -> list[bytes]:
        """The payloads that came since, at least one.

        Raises ``ModelServerUnreachable`` where the stream is cut, ends or stalls before its first event, else
        ``StreamBroken``.
        """
        self._deadline = self._loop.time() + self._patience
        try:
            while chunk := await self._response.content.readany():
                if payloads := self._payloads(chunk):
                    self._begun = True
                    self._patience = self._idle
                    return payloads
        except (aiohttp.ClientError, OSError) as error:
            if self._stalled:
                raise self._broken("sent nothing for too long") from error
            raise self._broken("was cut") from error
        finally:
            self._deadline = None
        raise self._broken("ended without its end")

    def close(self, *, complete: bool = False) -> None:
        """Close the connection, which ends the work on the other side.

        After a ``complete`` answer the connection is kept for the next one once the stream's end has come, which is
        waited for a moment in the background.
        """
        self._timer.cancel()
        if not complete:
            self._response.close()
        elif not self._response.closed:
            self._loop.call_later(_END_SECONDS, self._response.close)

    def _payloads(self, chunk: bytes) -> list[bytes]:
        if (
            not self._rest
            and chunk.startswith(_FIELDS)
            and chunk.find(b"\n") == len(chunk) - 2 == chunk.rfind(b"\n") - 1
        ):
            return [chunk[:-2].partition(b":")[2]]  # one whole event, as almost always
        lines = (self._rest + chunk).split(b"\n")
        self._rest = lines.pop()
        if len(self._rest) > _LONGEST_LINE:
            raise StreamBroken("the model server sent an endless line")
        return [line.partition(b":")[2] for line in lines if line.startswith(_FIELDS)]

    def _broken(self, what: str) -> ModelServerError:
        if self._begun:
            return StreamBroken(f"the model server's stream {what}")
        return ModelServerUnreachable(f"the model server's stream {what} before its first token")

    def _look(self) -> None:
        now = self._loop.time()
        if self._deadline is not None and now >= self._deadline:
            self._stalled = True
            # Whoever waits for bytes is woken with an error.
            self._response.close()
            return
        self._timer = self._loop.call_at(self._deadline or now + self._idle, self._look)


def whole(value: object) -> int | None:
    """A number of tokens as a server tells it, None where it is no such number."""
    return value if isinstance(value, int) and not isinstance(value, bool) and value >= 0 else None


def parse(payload: bytes) -> Mapping[str, Any]:
    """An event's object. Raises ``StreamBroken`` where it is none."""
    try:
        text = payload.decode().strip()
        event, end = _DECODER.raw_decode(text)  # json.loads does the same with a third more work for each token
    except (ValueError, RecursionError) as error:
        raise StreamBroken("the model server sent an event that can't be read") from error
    if end != len(text) or not isinstance(event, dict):
        raise StreamBroken("the model server sent an event that is no object")
    return event
