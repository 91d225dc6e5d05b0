"""The panes' pages, what they read and what they write."""

from __future__ import annotations

import asyncio
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from starlette.responses import HTMLResponse, Response
from starlette.routing import Route

from adapters.standins.panes import assets
from adapters.standins.panes.events import HEARTBEAT_SECONDS, stream
from adapters.standins.panes.guard import NotAllowed, guarded
from adapters.standins.panes.language import language_of
from adapters.standins.panes.pane import Written
from adapters.standins.panes.slack import SlackPane
from adapters.standins.panes.telegram import TelegramPane

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable, Mapping

    from starlette.requests import Request
    from starlette.routing import BaseRoute

    from adapters.standins.panes.pane import Json, Pane
    from adapters.standins.slack import StandInSlack
    from adapters.standins.telegram.server import StandInTelegram

_LARGEST_BODY = 256 * 1024
_NO_STORE = {"Cache-Control": "no-store"}


@dataclass(frozen=True, slots=True)
class Look:
    """The service's own design, which the panes wear: its style sheet of colours and sizes, and its icon (SVG)."""

    tokens: bytes
    icon: bytes


class Panes:
    """The pages: ``/`` shows all three, ``/slack`` and ``/telegram`` one pane each.

    ``chat`` tells the web chat's address once it has one; ``notice`` is what stands above everything, by language.
    ``first_person``: see ``TelegramPane``.
    """

    def __init__(  # noqa: PLR0913 - both stand-ins, and what only the composition knows
        self,
        slack: StandInSlack,
        telegram: StandInTelegram,
        look: Look,
        *,
        chat: Callable[[], str],
        notice: Mapping[str, str],
        first_person: int,
        heartbeat_seconds: float = HEARTBEAT_SECONDS,
    ) -> None:
        self.slack = SlackPane(slack)
        self.telegram = TelegramPane(telegram, first_person)
        self._files = {"tokens.css": look.tokens, "icon.svg": look.icon}
        self._chat = chat
        self._notice = notice
        self._heartbeat_seconds = heartbeat_seconds
        self._closing = asyncio.Event()

    def close(self) -> None:
        """End the open event streams, which would else hold up a server that ends."""
        self._closing.set()

    def routes(self) -> list[BaseRoute]:
        """All of them, each behind the guard."""
        overview = guarded(self.overview, frames=lambda: f"'self' {self._chat()}", framed_by="'none'")
        found: list[BaseRoute] = [Route("/", overview), Route("/static/{name}", guarded(self.asset))]
        panes: dict[str, Pane] = {"slack": self.slack, "telegram": self.telegram}
        for name, pane in panes.items():
            desk = _Desk(name, pane, self._closing, self._heartbeat_seconds)
            found += [
                Route(f"/{name}", guarded(desk.page)),
                Route(f"/{name}/events", guarded(desk.events)),
                Route(f"/{name}/messages", guarded(desk.say), methods=["POST"]),
                Route(f"/{name}/stop", guarded(desk.stop), methods=["POST"]),
            ]
        return found

    async def overview(self, request: Request) -> Response:
        """All three side by side."""
        language = language_of(request)
        own = {"chat": f"{self._chat()}/", "notice": self._notice[language]}
        return HTMLResponse(assets.page("sandbox.html", language, own), headers=_NO_STORE)

    async def asset(self, request: Request) -> Response:
        """A style sheet, script or picture."""
        name = request.path_params["name"]
        media_type = assets.media_type(name)
        content = self._files.get(name) or assets.named(name)
        if content is None or media_type is None:
            raise NotAllowed(404, "There is no such thing here.")
        return Response(content, media_type=media_type, headers={"Cache-Control": "no-cache"})


@dataclass(frozen=True, slots=True)
class _Desk:
    """One pane's page and what it calls."""

    name: str
    pane: Pane
    closing: asyncio.Event
    heartbeat_seconds: float

    async def page(self, request: Request) -> Response:
        """The pane alone."""
        language = language_of(request)
        own = {"person": self.pane.person(language), "most": str(self.pane.most)}
        return HTMLResponse(assets.page(f"{self.name}.html", language, own), headers=_NO_STORE)

    async def events(self, request: Request) -> Response:
        """What is to be seen, then what changes."""
        return stream(self._events(language_of(request)), self.closing, self.heartbeat_seconds)

    async def say(self, request: Request) -> Response:
        """``{"text", "thread", "mention"}``: write as the sample person."""
        body = await _read(request)
        text, thread = body.get("text"), body.get("thread", "")
        if not isinstance(text, str) or not text.strip() or not isinstance(thread, str):
            raise NotAllowed(422, 'Send {"text": "…"}.')
        if len(text.encode("utf-16-le", "surrogatepass")) // 2 > self.pane.most:
            raise NotAllowed(422, f"At most {self.pane.most} characters go into one message.")
        # A lone surrogate can be written in JSON, and by nobody at a keyboard.
        text = text.encode("utf-8", "replace").decode()
        try:
            await self.pane.say(language_of(request), Written(text, thread, body.get("mention") is True))
        except LookupError:
            raise NotAllowed(422, "There is no such thread.") from None
        return Response(status_code=204)

    async def stop(self, request: Request) -> Response:
        """``{"thread"}``: press the platform's stop button."""
        await self.pane.stop(language_of(request), str((await _read(request)).get("thread", "")))
        return Response(status_code=204)

    async def _events(self, language: str) -> AsyncGenerator[Json, None]:
        # Watching begins before the look around, so that nothing falls between them.
        changes = self.pane.changes(language)
        yield self.pane.everything(language)
        async for change in changes:
            yield change


async def _read(request: Request) -> dict[str, Any]:
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > _LARGEST_BODY:
            raise NotAllowed(413, "That is too much for one message.")
    try:
        content = json.loads(body)
    except (ValueError, RecursionError):
        content = None
    if not isinstance(content, dict):
        raise NotAllowed(400, "Send a JSON object.")
    return content
