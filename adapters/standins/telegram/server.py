"""The stand-in itself: a web server on this machine's loopback, and what tests and the sandbox ask of it."""

from __future__ import annotations

import asyncio
import secrets
import socket
import struct
import time
from collections import Counter
from typing import TYPE_CHECKING, Any, Self, TypeVar

from aiohttp import web

from adapters.standins.telegram import profile, receiving, writing
from adapters.standins.telegram.chats import Chat, Person
from adapters.standins.telegram.faults import Fault, FaultKind, Faults
from adapters.standins.telegram.parameters import Parameters, read_parameters
from adapters.standins.telegram.people import People
from adapters.standins.telegram.refusals import Json, Refusal, migrated
from adapters.standins.telegram.world import Tuning, World

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from adapters.standins.telegram.changes import Watcher
    from adapters.standins.telegram.messages import ShownMessage
    from adapters.standins.telegram.updates import Update
    from adapters.standins.telegram.webhook import Delivery, Webhook
    from adapters.standins.telegram.world import Draft

T = TypeVar("T")

TOKEN = "1000000001:stand-in-token"  # noqa: S105 - it opens this stand-in and nothing else
HOST = "127.0.0.1"
LARGEST_BODY = 50 << 20
METHODS: dict[str, Callable[[World, Parameters], Awaitable[Any]]] = {
    "getMe": profile.get_me,
    "getUpdates": receiving.get_updates,
    "setWebhook": receiving.set_webhook,
    "deleteWebhook": receiving.delete_webhook,
    "getWebhookInfo": receiving.get_webhook_info,
    "sendMessage": writing.send_message,
    "editMessageText": writing.edit_message_text,
    "editMessageReplyMarkup": writing.edit_message_reply_markup,
    "deleteMessage": writing.delete_message,
    "sendChatAction": writing.send_chat_action,
    "sendMessageDraft": writing.send_message_draft,
    "setMessageReaction": writing.set_message_reaction,
    "answerCallbackQuery": profile.answer_callback_query,
    "setMyCommands": profile.set_my_commands,
    "getMyCommands": profile.get_my_commands,
    "setMyDescription": profile.set_my_description,
    "setMyShortDescription": profile.set_my_short_description,
    "getChat": profile.get_chat,
    "getChatMember": profile.get_chat_member,
    "getFile": profile.get_file,
}
NAMES = {name.lower(): name for name in METHODS}


class StandInTelegram(People):
    """A Telegram with one bot. ``async with`` starts and stops it; nothing listens before.

    ``now`` gives seconds since 1970 and drives the flood budget, expiries and dates. ``port`` 0 lets the system choose.
    """

    def __init__(
        self,
        token: str = TOKEN,
        *,
        username: str = "plausch_bot",
        now: Callable[[], float] = time.time,
        tuning: Tuning | None = None,
        port: int = 0,
    ) -> None:
        bot_id = int(token.partition(":")[0])
        super().__init__(World(Person(bot_id, "plausch", username=username, is_bot=True), now, tuning or Tuning()))
        self._token = token
        self._port = port
        self._faults = Faults()
        self._runner: web.AppRunner | None = None
        self._closing = asyncio.Event()
        self.calls: Counter[str] = Counter()

    async def __aenter__(self) -> Self:
        await self.listen()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._world.webhook.set(None)
        await self.hang_up()
        self._world.changes.close()

    # ── the server ───────────────────────────────────────────────────────────────────────────────────────────────────

    async def listen(self) -> None:
        """Open the port; after ``hang_up`` the same one as before."""
        self._closing = asyncio.Event()
        app = web.Application(client_max_size=LARGEST_BODY)
        app.router.add_route("*", "/bot{token}/{method}", self._call)
        app.router.add_get("/file/bot{token}/files/{file_id}", self._file)
        app.router.add_route("*", "/{_:.*}", _not_found)
        # No access log: the token is part of every address.
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=1.0)
        await self._runner.setup()
        site = web.TCPSite(self._runner, HOST, self._port)
        await site.start()
        self._port = self._runner.addresses[0][1]

    async def hang_up(self) -> None:
        """Close the port and every connection, as if the network were gone. What is known stays."""
        self._closing.set()
        self._world.updates.release()
        if self._runner is not None:
            await self._runner.cleanup()
            self._runner = None

    @property
    def token(self) -> str:
        """The bot's token."""
        return self._token

    @property
    def bot(self) -> Person:
        """The bot as people see it."""
        return self._world.bot

    @property
    def api_url(self) -> str:
        """The address before the token."""
        return f"http://{HOST}:{self._port}/bot"

    @property
    def file_url(self) -> str:
        """The address of files, before the token."""
        return f"http://{HOST}:{self._port}/file/bot"

    # ── what is to be seen ───────────────────────────────────────────────────────────────────────────────────────────

    def transcript(self, chat: Chat | Person, *, deleted: bool = False) -> list[ShownMessage]:
        """What people see there, oldest first, each message with its history."""
        return self._world.messages.transcript(self._chat(chat).id, deleted=deleted)

    def types(self, chat: Chat | Person, topic: int | None = None) -> bool:
        """Whether people see the bot typing."""
        return self._world.types(self._chat(chat), topic)

    def draft(self, chat: Chat | Person, topic: int | None = None) -> Draft | None:
        """The draft that people see."""
        return self._world.draft(self._chat(chat), topic)

    def changes(self) -> Watcher:
        """An async iterator over everything that clients show from now on, until the server stops."""
        return self._world.changes.watch()

    async def wait_for(self, condition: Callable[[], T], *, within: float = 10.0) -> T:
        """The first true value of the condition, looked at after each change, call, confirmation and delivery.

        Raises ``TimeoutError`` after ``within`` seconds.
        """
        return await self._world.changes.until(condition, within)

    async def wait_for_message(
        self,
        chat: Chat | Person,
        like: Callable[[ShownMessage], bool] = lambda _message: True,
        *,
        within: float = 10.0,
    ) -> ShownMessage:
        """The newest message of the bot there that is like this. Raises ``TimeoutError``."""
        found = await self.wait_for(
            lambda: [m for m in self.transcript(chat) if m.sender == self.bot and like(m)], within=within
        )
        return found[-1]

    # ── what the bot did ─────────────────────────────────────────────────────────────────────────────────────────────

    @property
    def updates(self) -> list[Json]:
        """Every update that was made, fetched or not."""
        return self._world.updates.everything

    @property
    def pending(self) -> list[Update]:
        """What was neither confirmed by an offset nor taken by a webhook."""
        return self._world.updates.pending

    @property
    def confirmed(self) -> int:
        """The newest update that an offset has passed, 0 where none was."""
        return self._world.updates.confirmed

    @property
    def webhook(self) -> Webhook | None:
        """The webhook that is set."""
        return self._world.webhook.webhook

    @property
    def deliveries(self) -> list[Delivery]:
        """Every attempt at the webhook with its status."""
        return self._world.webhook.deliveries

    @property
    def flooded(self) -> Counter[int]:
        """How often each chat's budget refused a call."""
        return self._world.flood.refused

    @property
    def profile(self) -> Json:
        """Commands and descriptions, by keys like ``commands`` and ``description/de``."""
        return self._world.profile

    # ── faults ───────────────────────────────────────────────────────────────────────────────────────────────────────

    def fail_next(self, method: str, kind: FaultKind, *, times: int = 1, seconds: float = 3.0, text: str = "") -> None:
        """Let the next calls of a method go wrong. ``seconds``: the pause of a 429, the length of a slow answer."""
        self._faults.add(method, Fault(kind, seconds, text), times)

    def deliver_twice(self, times: int = 1) -> None:
        """Deliver the next updates to the webhook once more after they were taken."""
        self._world.webhook.deliver_twice(times)

    # ── calls ────────────────────────────────────────────────────────────────────────────────────────────────────────

    async def _call(self, request: web.Request) -> web.StreamResponse:
        try:
            return await self._answer(request)
        except Refusal as refusal:
            return web.json_response(refusal.body(), status=refusal.status, headers=refusal.headers())

    async def _answer(self, request: web.Request) -> web.StreamResponse:
        self._check_token(request)
        method = request.match_info["method"]
        name = NAMES.get(method.lower())
        self.calls[name or method] += 1
        self._world.changes.tick()
        if name is None:
            raise Refusal(404, "Not Found: method not found")
        call = await read_parameters(request)
        fault = self._faults.take(name)
        if fault and (answer := self._before(fault, request, call)):
            return answer
        result = await METHODS[name](self._world, call)
        if fault:
            await self._after(fault, request)
        return web.json_response({"ok": True, "result": result})

    def _before(self, fault: Fault, request: web.Request, call: Parameters) -> web.Response | None:
        if refusal := fault.refusal():
            raise refusal
        match fault.kind:
            case FaultKind.BAD_GATEWAY:
                page = "<html><head><title>502 Bad Gateway</title></head><body>nginx</body></html>"
                return web.Response(status=502, text=page, content_type="text/html")
            case FaultKind.MIGRATE:
                raise migrated(self.migrate(self._world.chats.named(call.text("chat_id"))).id)
            case FaultKind.RESET_BEFORE:
                _reset(request)
                return web.Response()
            case _:
                return None

    async def _after(self, fault: Fault, request: web.Request) -> None:
        if fault.kind is FaultKind.SERVER_ERROR_AFTER:
            raise Refusal(500, "Internal Server Error: restart")
        if fault.kind is FaultKind.RESET_AFTER:
            _reset(request)
            return
        with_pause = asyncio.wait_for(self._closing.wait(), fault.seconds)
        await asyncio.gather(with_pause, return_exceptions=True)

    async def _file(self, request: web.Request) -> web.Response:
        try:
            self._check_token(request)
        except Refusal as refusal:
            return web.json_response(refusal.body(), status=refusal.status)
        file = self._world.files.get(request.match_info["file_id"])
        return await _not_found(request) if file is None else web.Response(body=file.content)

    def _check_token(self, request: web.Request) -> None:
        if not secrets.compare_digest(request.match_info["token"].encode(), self._token.encode()):
            raise Refusal(401, "Unauthorized")


async def _not_found(_request: web.Request) -> web.Response:
    return web.json_response(Refusal(404, "Not Found").body(), status=404)


def _reset(request: web.Request) -> None:
    """Cut the connection hard: the other side reads "connection reset"."""
    if request.transport is None:
        return
    request.transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    request.transport.abort()
