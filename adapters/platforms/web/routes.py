from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from starlette.responses import HTMLResponse, JSONResponse, Response
from starlette.routing import Route

from adapters.platforms.web import assets
from adapters.platforms.web.events import EventStream
from adapters.platforms.web.language import language_of, page_language
from adapters.platforms.web.problems import Problem, Said
from adapters.platforms.web.requests import Sent, read_message, read_stop
from adapters.platforms.web.session import Session, fresh_session, keep, session_of
from conversation.messages import Message

if TYPE_CHECKING:
    import asyncio

    from starlette.requests import Request
    from starlette.routing import BaseRoute

    from adapters.platforms.web.guard import Guard
    from conversation.ports import ConversationStore, Intake, Signals
    from conversation.turns import LoggedTurn

NO_STORE = {"Cache-Control": "no-store"}


class Chat:
    """The page and what it calls. Every route stands behind the guard; a session sees its own conversation only."""

    def __init__(
        self,
        intake: Intake,
        store: ConversationStore,
        signals: Signals,
        guard: Guard,
        closing: asyncio.Event,
    ) -> None:
        self._intake = intake
        self._store = store
        self._signals = signals
        self._guard = guard
        self._closing = closing

    def routes(self) -> list[BaseRoute]:
        """All routes of the web chat."""
        return [
            Route("/", self._guard.around(self.page)),
            Route("/static/{name}", self._guard.around(self.asset)),
            Route("/api/v1/messages", self._guard.around(self.send), methods=["POST"]),
            Route("/api/v1/stop", self._guard.around(self.stop), methods=["POST"]),
            Route("/api/v1/conversation", self._guard.around(self.conversation)),
            Route("/api/v1/events", self._guard.around(self.events)),
        ]

    async def page(self, request: Request) -> Response:
        """The chat page, which also opens the session."""
        response = HTMLResponse(assets.page(page_language(request)), headers=NO_STORE)
        keep(session_of(request) or fresh_session(), request, response)
        return response

    async def asset(self, request: Request) -> Response:
        """A style sheet, script or picture; browsers keep it and ask whether it is still the same."""
        asset = assets.named(request.path_params["name"])
        if asset is None:
            raise Problem(
                404,
                Said("Das gibt es hier nicht.", "There is no such thing here."),
                Said("Öffne die Startseite des Chats.", "Open the chat's own page."),
            )
        headers = {"Cache-Control": "no-cache", "ETag": asset.etag}
        if request.headers.get("if-none-match") == asset.etag:
            return Response(status_code=304, headers=headers)
        return Response(asset.content, media_type=asset.media_type, headers=headers)

    async def send(self, request: Request) -> Response:
        """Take a message. The same id again changes nothing and gets the same answer, with ``new`` false."""
        session = _open(request)
        return await self._accept(request, session, await read_message(request), stop=False)

    async def stop(self, request: Request) -> Response:
        """Stop the answers under way: a message like any other, so it is stored before it is acknowledged."""
        session = _open(request)
        sent = await read_stop(request)
        return await self._accept(request, session, Sent(sent.id, "stop"), stop=True)

    async def conversation(self, request: Request) -> Response:
        """``{"turns": […]}``, oldest first."""
        session = _open(request)
        log = await self._store.log(session.conversation)
        return JSONResponse({"turns": [as_json(turn) for turn in log]}, headers=NO_STORE)

    async def events(self, request: Request) -> Response:
        """The frames of this session's answers, as server-sent events."""
        session = _open(request)
        if self._closing.is_set():
            raise Problem(
                503,
                Said("Der Dienst wird gerade beendet.", "The service is being shut down."),
                Said("Verbinde dich gleich noch einmal.", "Connect again in a moment."),
            )
        return EventStream(self._signals, session.conversation, self._closing)

    async def _accept(self, request: Request, session: Session, sent: Sent, *, stop: bool) -> Response:
        receipt = await self._intake.accept(
            Message(
                conversation=session.conversation,
                identity=session.identity(sent.id),
                author=session.author(language_of(request)),
                text=sent.text,
                sent_at=datetime.now(UTC),
                mentioned=stop,
                native_id=sent.id,
            )
        )
        return JSONResponse({"turn": receipt.turn_id, "new": receipt.new}, 202, headers=NO_STORE)


def as_json(turn: LoggedTurn) -> dict[str, object]:
    """A turn as the page reads it; ``text`` is the ending as it was shown, null while there is none."""
    ending = turn.ending
    return {
        "turn": turn.turn_id,
        "state": str(turn.state),
        "questions": [{"id": asked.identity.rpartition(":")[2], "text": asked.text} for asked in turn.questions],
        "text": ending.shown if ending else None,
        "kind": str(ending.kind) if ending else "",
        "afresh": ending is not None and ending.starts_afresh,
    }


def _open(request: Request) -> Session:
    session = session_of(request)
    if session is None:
        raise Problem(
            401,
            Said(
                "Dein Browser hat kein Cookie für diesen Chat geschickt.", "Your browser sent no cookie for this chat."
            ),
            Said("Lade die Seite neu und erlaube Cookies für sie.", "Reload the page and allow cookies for it."),
        )
    return session
