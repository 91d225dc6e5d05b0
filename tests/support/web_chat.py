"""The web chat over a conversation in memory, whose answers the test writes itself."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import httpx
import uvicorn
from starlette.applications import Starlette

from adapters.platforms.web import Web
from conversation.errors import StoreUnavailable
from conversation.places import Place
from conversation.turns import Ending, EndingKind, Frame, LoggedTurn, Receipt, TurnState

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence

    from conversation.messages import ConversationKey, Message
    from conversation.turns import Exchange


class Tail:
    """``Signals``' live tail, as small as it gets."""

    def __init__(self) -> None:
        self.frames: list[Frame] = []
        self.watchers: dict[asyncio.Queue[Frame], ConversationKey] = {}
        self._so_far: dict[ConversationKey, Frame] = {}

    async def show(self, conversation: ConversationKey, frame: Frame) -> None:
        self.frames.append(frame)
        before = self._so_far.get(conversation)
        text = (before.text[: frame.offset] if before else "") + frame.text
        self._so_far[conversation] = replace(frame, offset=0, text=text)
        if frame.last:
            del self._so_far[conversation]
        for queue, key in self.watchers.items():
            if key == conversation:
                queue.put_nowait(frame)

    @asynccontextmanager
    async def watch(self, conversation: ConversationKey) -> AsyncIterator[AsyncIterator[Frame]]:
        queue: asyncio.Queue[Frame] = asyncio.Queue()
        if conversation in self._so_far:
            queue.put_nowait(self._so_far[conversation])
        self.watchers[queue] = conversation
        try:
            yield _all_of(queue)
        finally:
            del self.watchers[queue]

    async def wake(self) -> None: ...
    async def woken(self, timeout_seconds: float) -> None: ...
    async def stop(self, turn_ids: Sequence[str]) -> None: ...
    @asynccontextmanager
    async def stops(self, turn_id: str) -> AsyncIterator[asyncio.Event]:
        del turn_id
        yield asyncio.Event()


async def _all_of(queue: asyncio.Queue[Frame]) -> AsyncIterator[Frame]:
    while True:
        yield await queue.get()


@dataclass
class Book:
    """``Intake`` and ``ConversationStore`` in memory. ``away``: the database can't be reached."""

    turns: list[LoggedTurn] = field(default_factory=list)
    received: list[Message] = field(default_factory=list)
    asked: asyncio.Queue[LoggedTurn] = field(default_factory=asyncio.Queue)
    stopped: asyncio.Queue[Message] = field(default_factory=asyncio.Queue)
    away: bool = False

    async def accept(self, message: Message) -> Receipt:
        if self.away:
            raise StoreUnavailable
        known = [turn for turn in self.turns if message.identity in {asked.identity for asked in turn.questions}]
        if known:
            return Receipt(new=False, conversation_id="c", turn_id=known[0].turn_id)
        self.received.append(message)
        if message.mentioned and message.text == "stop":
            self.stopped.put_nowait(message)
            return Receipt(new=True, conversation_id="c")
        turn = LoggedTurn(f"turn-{len(self.turns)}", len(self.turns), TurnState.OPEN, (message,))
        self.turns.append(turn)
        self.asked.put_nowait(turn)
        return Receipt(new=True, conversation_id="c", turn_id=turn.turn_id)

    async def log(self, conversation: ConversationKey) -> Sequence[LoggedTurn]:
        if self.away:
            raise StoreUnavailable
        return [turn for turn in self.turns if turn.questions[0].conversation == conversation]

    async def window(self, conversation_id: str, since: int, before: int) -> Sequence[Exchange]:
        del conversation_id, since, before
        return []

    async def unreadable(self, platform: str, workspace: str, raw: str, reason: str) -> None: ...
    async def stop_answers_to(self, person: str, platform: str, workspace: str, channel: str) -> int:
        del person, platform, workspace, channel
        return 0

    def end(self, turn: LoggedTurn, ending: Ending) -> None:
        self.turns[turn.position] = replace(turn, state=TurnState.DECIDED, ending=ending)


@dataclass
class WebChat:
    """The page's backend, and the pen that writes its answers."""

    book: Book
    tail: Tail
    web: Web
    app: Starlette
    address: str = ""

    async def asked(self) -> LoggedTurn:
        """The next question that came in."""
        return await asyncio.wait_for(self.book.asked.get(), 20)

    async def write(self, turn: LoggedTurn, *texts: str) -> None:
        """Show the answer as it grows: each text is the whole so far."""
        place = place_of(turn)
        message_id = await self.web.begin(place, "send")
        for text in texts:
            await self.web.edit(place, message_id, self.web.parts(text)[0], last=False)

    async def finish(self, turn: LoggedTurn, ending: Ending | str) -> None:
        """Decide, then show."""
        ending = Ending(EndingKind.ANSWER, ending) if isinstance(ending, str) else ending
        self.book.end(turn, ending)
        place = replace(place_of(turn), ending=ending.kind.value)
        await self.web.edit(place, turn.turn_id, ending.shown, last=True)


def browser_of(chat: WebChat, base: str = "http://127.0.0.1:8700", peer: str = "127.0.0.1") -> httpx.AsyncClient:
    """A client that keeps cookies, as a browser on this machine (or at ``peer``) would."""
    return httpx.AsyncClient(transport=httpx.ASGITransport(chat.app, client=(peer, 50000)), base_url=base)


def place_of(turn: LoggedTurn) -> Place:
    return Place(turn.questions[0].conversation, turn_id=turn.turn_id)


def web_chat(*, open_to_others: bool = False, framed_by: Sequence[str] = ()) -> WebChat:
    book, tail = Book(), Tail()
    web = Web(tail, book, open_to_others=open_to_others, framed_by=framed_by)
    return WebChat(book, tail, web, Starlette(routes=web.routes(book)))


class QuietServer(uvicorn.Server):
    """A server inside a test: it says when it has started, and leaves the process's signals alone."""

    def __init__(self, app: Starlette, port: int = 0) -> None:
        super().__init__(uvicorn.Config(app, host="127.0.0.1", port=port, log_level="error", lifespan="off"))
        self.ready = asyncio.Event()

    async def startup(self, sockets: list[object] | None = None) -> None:  # type: ignore[override]  # sockets are never given here
        del sockets
        await super().startup()
        self.ready.set()

    @property
    def port(self) -> int:
        return int(self.servers[0].sockets[0].getsockname()[1])


@asynccontextmanager
async def served(chat: WebChat, port: int = 0) -> AsyncIterator[WebChat]:
    """The chat behind a real server; its address is in ``chat.address``."""
    server = QuietServer(chat.app, port)
    running = asyncio.create_task(server._serve())
    await asyncio.wait_for(server.ready.wait(), 10)
    chat.address = f"http://127.0.0.1:{server.port}"
    try:
        yield chat
    finally:
        chat.web.close()
        server.should_exit = True
        await asyncio.wait_for(running, 10)
