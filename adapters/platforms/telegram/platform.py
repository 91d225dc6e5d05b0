"""Telegram, as the core sees it."""

from __future__ import annotations

import asyncio
import logging
import re
import time
from collections import OrderedDict
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

from telegram import BotCommand
from telegram.error import BadRequest, InvalidToken, TelegramError

from adapters.platforms.in_time import InTime
from adapters.platforms.telegram.entities import Us
from adapters.platforms.telegram.formatting import Part, parts
from adapters.platforms.telegram.normalise import ALLOWED_UPDATES, PLATFORM
from adapters.platforms.telegram.pacing import Pacing
from adapters.platforms.telegram.polling import SILENCE_SECONDS, Poller
from adapters.platforms.telegram.receiving import Receiver
from adapters.platforms.telegram.sender import Sender
from adapters.platforms.telegram.transport import AiohttpRequest, Api
from adapters.platforms.telegram.webhook import checked_secret, webhook_route
from conversation.errors import PlatformUnreachable, SettingWrong
from conversation.places import Capabilities

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

    from starlette.routing import Route

    from conversation.messages import Author
    from conversation.places import Place
    from conversation.ports import Intake

_log = logging.getLogger(__name__)

API_URL = "https://api.telegram.org/bot"
_TOKEN = re.compile(r"[0-9]+:[A-Za-z0-9_-]+")
# A typing sign stands for five seconds; more of them cost and show nothing.
_TYPING_SECONDS = 4.0
_CHATS_TYPING = 1024
# How long storing may take before it counts as failed. Who posts to the webhook waits a minute, polling has time.
_POSTED_STORED_SECONDS = 10.0
_POLLED_STORED_SECONDS = 30.0

_COMMANDS = {
    None: {
        "ask": "Ask something (in groups)",
        "new": "Start afresh",
        "stop": "Stop the answer",
        "help": "What I can do",
        "info": "Model, licence, limits",
    },
    "de": {
        "frage": "Etwas fragen (in Gruppen)",
        "neu": "Neu anfangen",
        "stop": "Die Antwort anhalten",
        "hilfe": "Was ich kann",
        "info": "Modell, Lizenz, Grenzen",
    },
}


@dataclass(frozen=True, slots=True)
class Identity:
    """The bot as Telegram knows it. ``reads_groups``: mentions in groups reach it (BotFather's privacy mode is off)."""

    id: int
    username: str
    reads_groups: bool


class Telegram:
    """The ``Platform`` port for Telegram, and its receiving side.

    ``api_url`` is the address before the token. ``read_seconds``: how long an answer of Telegram's may take.
    ``silence_seconds``: polling without an answer for so long gets a new connection.
    """

    name = PLATFORM
    capabilities = Capabilities(durable_sends=True, can_find=False, can_reach_again=True)

    def __init__(  # noqa: PLR0913 -- each of them is one thing that a test or a setting sets
        self,
        token: str,
        api_url: str | None = None,
        *,
        pacing: Pacing | None = None,
        read_seconds: float = 20.0,
        silence_seconds: float = SILENCE_SECONDS,
        pause: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        if not _TOKEN.fullmatch(token):
            raise _wrong_token("This is no token of Telegram's.")
        self._request = AiohttpRequest(read_seconds, api_url or API_URL)
        # Its own, so that it can be made anew without cutting a send.
        self._polling = AiohttpRequest(read_seconds, api_url or API_URL)
        self._api = Api(token, api_url or API_URL, request=self._request, get_updates_request=self._polling)
        self._pacing = pacing or Pacing()
        self._sender = Sender(self._api, self._pacing)
        self._pause = pause
        self._silence_seconds = silence_seconds
        self._typed: OrderedDict[str, float] = OrderedDict()
        self.identity: Identity | None = None
        self.poller: Poller | None = None

    async def start(self) -> None:
        """Learn who we are, and tell Telegram our commands. May be called again.

        Raises ``SettingWrong`` where Telegram refuses the token, ``PlatformUnreachable`` where it can't be asked.
        """
        self.identity = await self.check()
        await self._offer_commands()

    async def check(self) -> Identity:
        """Ask Telegram who we are. Raises as ``start`` does."""
        await self._request.initialize()
        try:
            me = await self._api.get_me()
        except InvalidToken:
            raise _wrong_token("Telegram does not know this token.") from None
        except TelegramError as error:
            raise PlatformUnreachable(f"Telegram: {type(error).__name__}") from None
        return Identity(me.id, me.username or "", me.can_read_all_group_messages is True)

    async def aclose(self) -> None:
        """Close the connections."""
        await self._request.shutdown()
        await self._polling.shutdown()

    @property
    def trouble(self) -> str | None:
        """Why nothing comes in at the moment, in plain words; None while all is well, or this process does not poll."""
        return self.poller.trouble if self.poller else None

    # ── receiving ────────────────────────────────────────────────────────────────────────────────────────────────────

    async def poll(self, intake: Intake) -> None:
        """Poll until cancelled, which may be at any moment; it may be called again later. Needs ``start``."""
        receiver = self._receiver(intake, _POLLED_STORED_SECONDS)
        if receiver is None:
            raise PlatformUnreachable("Telegram was not asked yet who we are")
        await self._polling.initialize()
        self.poller = Poller(
            self._api,
            receiver,
            renew=self._polling.renew,
            silence_seconds=self._silence_seconds,
            pause=self._pause,
        )
        try:
            await self.poller.run()
        finally:
            self.poller = None
            # The connection goes with it: a request that was cut still holds up whoever polls next.
            await self._polling.shutdown()

    def routes(self, intake: Intake, secret: str) -> list[Route]:
        """The webhook's route. Raises ``SettingWrong`` where the secret can't be one."""
        return [webhook_route(lambda: self._receiver(intake, _POSTED_STORED_SECONDS), secret)]

    async def set_webhook(self, url: str, secret: str) -> None:
        """Let Telegram post updates to this address. Raises ``SettingWrong`` or ``PlatformUnreachable``."""
        checked_secret(secret)
        try:
            await self._api.set_webhook(url, secret_token=secret, allowed_updates=ALLOWED_UPDATES)
        except TelegramError as error:
            raise _webhook_problem(error) from None

    def _receiver(self, intake: Intake, stored_seconds: float) -> Receiver | None:
        if self.identity is None:
            return None
        return Receiver(
            InTime(intake, stored_seconds), Us(self.identity.id, self.identity.username), self._sender.moved
        )

    # ── the port ─────────────────────────────────────────────────────────────────────────────────────────────────────

    def parts(self, markdown: str) -> Sequence[Part]:
        """See the port."""
        return parts(markdown)

    async def pace(self, place: Place, *, last: bool) -> None:
        """See the port."""
        await self._pacing.turn(place.conversation.channel, last=last)

    async def begin(self, place: Place, send_id: str) -> str:  # noqa: ARG002 -- Telegram keeps nothing of ours
        """See the port."""
        return await self._sender.begin(place)

    async def edit(self, place: Place, message_id: str, part: object, *, last: bool) -> None:
        """See the port."""
        if not isinstance(part, Part):
            raise TypeError("a part that Telegram.parts did not make")
        await self._sender.edit(place, message_id, part, last=last)

    async def find(self, place: Place, send_id: str) -> str | None:  # noqa: ARG002 -- Telegram can't look for it
        """See the port."""
        return None

    async def remove(self, place: Place, message_id: str) -> None:
        """See the port."""
        await self._sender.remove(place, message_id)

    async def typing(self, place: Place) -> None:
        """See the port."""
        channel, now = place.conversation.channel, time.monotonic()
        if self._pacing.paused(channel) or now - self._typed.get(channel, float("-inf")) < _TYPING_SECONDS:
            return
        self._typed[channel] = now
        self._typed.move_to_end(channel)
        while len(self._typed) > _CHATS_TYPING:
            self._typed.popitem(last=False)
        with suppress(TelegramError):
            topic = int(place.conversation.thread) if place.conversation.thread else None
            await self._api.send_chat_action(channel, "typing", message_thread_id=topic)

    async def person(self, workspace: str, person: str) -> Author | None:  # noqa: ARG002 -- each message tells it
        """See the port."""
        return None

    async def _offer_commands(self) -> None:
        try:
            for language, commands in _COMMANDS.items():
                offered = [BotCommand(name, text) for name, text in commands.items()]
                await self._api.set_my_commands(offered, language_code=language)
        except TelegramError as error:
            _log.warning("the commands could not be offered: %s", type(error).__name__)


def _wrong_token(problem: str) -> SettingWrong:
    return SettingWrong(
        "PLAUSCH_TELEGRAM_TOKEN", problem, "Copy it from @BotFather (/mybots, API Token); it looks like 123456789:AA…"
    )


def _webhook_problem(error: TelegramError) -> SettingWrong | PlatformUnreachable:
    match error:
        case InvalidToken():
            return _wrong_token("Telegram does not know this token.")
        case BadRequest():
            return SettingWrong(
                "PLAUSCH_TELEGRAM_WEBHOOK_URL",
                f"Telegram refuses this address ({error}).",
                "It must be https on port 443, 80, 88 or 8443, and reachable from outside.",
            )
        case _:
            return PlatformUnreachable(f"Telegram: {type(error).__name__}")
