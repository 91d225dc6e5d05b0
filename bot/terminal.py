"""One person at a terminal: a conversation of its own, and a worker for it alone.

It claims nothing but its own conversation, so it may run beside ``plausch run`` on one SQLite file.
"""

from __future__ import annotations

import asyncio
import contextlib
import getpass
import os
import socket
import uuid
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from adapters.platforms.console import Console
from adapters.stores.sql.upgrade import upgrade
from bot.parts import Parts
from bot.terminal_words import locale_of_terminal
from bot.worker import Limits
from conversation.errors import ModelServerUnreachable, PlauschError, Undeliverable
from conversation.messages import Author, ConversationKey, Message

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from bot.answerer import Answerer
    from bot.models import Served
    from bot.settings import Settings
    from conversation.ports import Inbox, ModelServer
    from conversation.turns import Ending, Frame

LOOK_SECONDS = 0.5
"""Between two questions whether the model server is ready."""
FORGOTTEN = timedelta(days=1)
"""A turn that is open for so long belongs to a terminal that was killed."""
_LIMITS = Limits()


class Session:
    """A conversation that lives as long as its terminal. One thing is said at a time."""

    def __init__(self, parts: Parts, answerer: Answerer) -> None:
        self.key = ConversationKey(Console.name, Console.name, "", uuid.uuid4().hex)
        self._parts = parts
        self._answerer = answerer
        self.locale = locale_of_terminal(os.environ)
        self._author = Author(_person(), locale=self.locale)
        self._conversation_id: str | None = None
        self._can_stop = False
        self._saying: asyncio.Task[object] | None = None

    async def say(self, text: str, show: Callable[[str], None]) -> Ending:
        """Send a message and answer it; ``show`` gets the whole answer so far as it grows, and may raise.

        Raises ``StoreUnavailable``, and ``Undeliverable`` where the turn ended without an answer.
        """
        async with self._parts.signals.watch(self.key) as frames:
            receipt = await self._parts.intake.accept(self._message(text))
            self._conversation_id = receipt.conversation_id
            turn_id = receipt.turn_id or ""
            self._can_stop, self._saying = True, asyncio.current_task()
            working = asyncio.create_task(self._work(receipt.conversation_id))
            following = asyncio.create_task(_follow(frames, turn_id, show))
            try:
                await asyncio.wait({working, following}, return_when=asyncio.FIRST_COMPLETED)
                if following.done():
                    following.result()
                await working
            finally:
                self._can_stop, self._saying = False, None
                for task in (working, following):
                    task.cancel()
                await asyncio.gather(working, following, return_exceptions=True)
        return await self._ending(turn_id)

    async def stop(self) -> None:
        """End the answer that is being written; what was written stays. Once is enough, later it would be a turn."""
        if not self._can_stop:
            return
        self._can_stop = False
        await self._parts.intake.accept(self._message("/stop"))

    async def leave(self) -> None:
        """What is still open now will be read by nobody."""
        if self._conversation_id is None:
            return
        if self._saying is not None:
            self._saying.cancel()
            await asyncio.gather(self._saying, return_exceptions=True)
        inbox = self._parts.inbox
        with contextlib.suppress(PlauschError):
            while claim := await inbox.claim(_worker(), _LIMITS.lease, [Console.name], self._conversation_id):
                await inbox.undeliverable(claim, "the terminal was closed")

    async def _work(self, conversation_id: str) -> None:
        """Answer until nothing of the conversation is open."""
        inbox = self._parts.inbox
        while await inbox.open_turns(conversation_id):
            claim = await inbox.claim(_worker(), _LIMITS.lease, [Console.name], conversation_id)
            if claim is None:
                await self._parts.signals.woken(_LIMITS.look_every)
            else:
                await self._answerer.answer(claim)

    async def _ending(self, turn_id: str) -> Ending:
        """How the turn ended, from the store: a frame may be lost, what was committed is not."""
        log = await self._parts.store.log(self.key)
        ending = next((turn.ending for turn in reversed(log) if turn.turn_id == turn_id), None)
        if ending is None:
            raise Undeliverable("The turn ended without an answer.")
        return ending

    def _message(self, text: str) -> Message:
        identity = uuid.uuid4().hex
        return Message(
            conversation=self.key, identity=identity, author=self._author, text=text, sent_at=datetime.now(UTC)
        )


@contextlib.asynccontextmanager
async def opened(settings: Settings, model: Served) -> AsyncIterator[Session]:
    """A new session on a database that is up to date. Raises ``StoreUnavailable`` and ``SettingWrong``."""
    parts = Parts(settings)
    async with parts.closing() as stack:
        stack.push_async_callback(model.server.aclose)
        await upgrade(parts.database)
        await _bury(parts.inbox)
        console = Console(parts.signals)
        session = Session(parts, await parts.answerer(model, {console.name: console}, _LIMITS.lease))
        try:
            yield session
        finally:
            await session.leave()


async def until_ready(server: ModelServer, within_seconds: float, tell: Callable[[str], None] = lambda _: None) -> None:
    """Return once the model server answers; ``tell`` hears what is waited for.

    Raises ``ModelServerUnreachable`` where it does not in time, and ``ModelServerRefused`` at once.
    """
    loop = asyncio.get_running_loop()
    ends = loop.time() + within_seconds
    while True:
        try:
            await server.describe()
        except ModelServerUnreachable as trouble:
            if loop.time() >= ends:
                raise
            tell(str(trouble))
            await asyncio.sleep(LOOK_SECONDS)
        else:
            return


async def _follow(frames: AsyncIterator[Frame], turn_id: str, show: Callable[[str], None]) -> None:
    """Show the answer while it grows. How it ended, the store tells."""
    text = ""
    async for frame in frames:
        if frame.turn_id == turn_id and not frame.last:
            text = text[: frame.offset] + frame.text
            show(text)


async def _bury(inbox: Inbox) -> None:
    """End what terminals left open that were killed: nobody comes back to their sessions."""
    while claim := await inbox.claim(_worker(), _LIMITS.lease, [Console.name]):
        if datetime.now(UTC) - claim.arrived_at < FORGOTTEN:
            await inbox.hand_back(claim)
            return
        await inbox.undeliverable(claim, "the terminal is gone")


def _person() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a user id without a name, as in containers
        return "terminal"


def _worker() -> str:
    return f"{socket.gethostname()}:{os.getpid()}"
