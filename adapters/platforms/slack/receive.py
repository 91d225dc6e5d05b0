"""What Slack delivers, over HTTP or Socket Mode alike: events go straight in, bolt reads and routes the rest.

bolt acknowledges before its listeners have run unless ``process_before_response`` is set: here the commit comes first.
"""

from __future__ import annotations

import asyncio
import json
import logging
import re
from contextlib import asynccontextmanager
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Final

from slack_bolt.app.async_app import AsyncApp
from slack_bolt.authorization import AuthorizeResult
from slack_bolt.error import BoltUnhandledRequestError
from slack_bolt.request.async_request import AsyncBoltRequest
from slack_bolt.response import BoltResponse
from slack_sdk.web.async_client import AsyncWebClient

from adapters.platforms.in_time import InTime
from adapters.platforms.originals import as_it_came
from adapters.platforms.slack.account import Account
from adapters.platforms.slack.calls import quiet_logger
from adapters.platforms.slack.normalise import PLATFORM, Unreadable, normalise, recipient
from adapters.platforms.slack.texts import Text, say, sorry, stopped
from adapters.platforms.slack.whisper import Where
from conversation.errors import PlatformUnreachable, PlauschError, StoreUnavailable

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Mapping

    from adapters.platforms.slack.people import Directory
    from adapters.platforms.slack.whisper import Whisper
    from conversation.ports import Intake

log = logging.getLogger(__name__)

STORE_SECONDS: Final = 2.6
"""Slack waits 3 s for its answer. A database that swallows everything lets its driver wait longer than that."""
_NOBODY: Final = Account("", "")


class Receiver:
    """Hands messages to the intake, and answers slash commands and presses at once.

    Until we are signed in (``account``), what comes is not taken. ``whisper`` says something to one person.
    """

    def __init__(
        self,
        intake: Intake,
        account: Callable[[], Account | None],
        directory: Directory,
        whisper: Whisper | None = None,
    ) -> None:
        self._intake = InTime(intake, STORE_SECONDS)
        self._known = account
        self._directory = directory
        self._whisper = whisper
        self._whispering: set[asyncio.Task[None]] = set()
        self._under_way = 0
        self._idle = asyncio.Event()
        self._idle.set()
        self._app = self._bolt()

    def _bolt(self) -> AsyncApp:
        # Functions, since bolt looks for what it knows among a listener's arguments, and self is not.
        async def event(body: dict[str, Any]) -> BoltResponse:
            return await self._event(body)

        async def command(body: dict[str, Any]) -> BoltResponse:
            return await self._command(body)

        async def press(body: dict[str, Any]) -> BoltResponse:
            return await self._press(body)

        async def authorize() -> AuthorizeResult:
            us = self._known() or _NOBODY
            return AuthorizeResult(enterprise_id=None, team_id=us.team, bot_user_id=us.bot_user, bot_token="")

        logger = quiet_logger()
        app = AsyncApp(
            name="plausch",
            client=AsyncWebClient(logger=logger),  # without a token, and never used: bolt only copies it
            authorize=authorize,
            process_before_response=True,
            raise_error_for_unhandled_request=True,  # else bolt logs the body of what nobody listens to
            request_verification_enabled=False,  # done before bolt sees anything, see routes.py
            ignoring_self_events_enabled=False,  # normalise.py does it
            attaching_function_token_enabled=False,
            attaching_conversation_kwargs_enabled=False,
            logger=logger,
        )
        anything = re.compile("")
        app.event(anything)(event)
        app.command(anything)(command)
        app.action(anything)(press)
        app.error(_unlistened)
        return app

    async def handle(self, body: str | dict[str, Any], headers: Mapping[str, str], mode: str) -> BoltResponse:
        """Take one delivery: ``body`` is raw text in the mode "http", parsed already in the mode "socket_mode".

        200: it may be acknowledged, whatever it was. 503: it was not stored, and has to come again.
        """
        async with self._counted():
            try:
                if (event := _plain_event(body, headers)) is not None:
                    return await self._event(event)
                request = AsyncBoltRequest(body=body, headers=dict(headers), mode=mode)
                if (odd := _problem(request.body)) is None:
                    return await self._app.async_dispatch(request)
            except PlatformUnreachable:
                return _later()
            except Exception as fault:  # noqa: BLE001 - what bolt or we stumble over is kept, and not sent for ever
                odd = type(fault).__name__
            return await self._unreadable(body if isinstance(body, str) else await as_it_came(body), odd)

    async def _unreadable(self, raw: str, reason: str) -> BoltResponse:
        try:
            await self._intake.unreadable(PLATFORM, self._account.team, raw, reason)
        except PlauschError as trouble:
            log.warning("what Slack delivered could not be kept: %s", type(trouble).__name__)
            return _later()
        log.warning("Slack delivered something unreadable: %s", reason)
        return _done()

    async def drained(self) -> None:
        """Return when nothing is being taken."""
        await self._idle.wait()

    @asynccontextmanager
    async def _counted(self) -> AsyncIterator[None]:
        self._under_way += 1
        self._idle.clear()
        try:
            yield
        finally:
            self._under_way -= 1
            if not self._under_way:
                self._idle.set()

    async def _event(self, body: Mapping[str, Any]) -> BoltResponse:
        try:
            message = normalise(body, self._account)
        except Unreadable as odd:
            return await self._unreadable(await as_it_came(body), str(odd))
        if message is None:
            return _done()
        if author := recipient(body):
            self._directory.belongs(*author)
        try:
            await self._intake.accept(message)
        except StoreUnavailable:
            return _later()
        return _done()

    async def _command(self, body: Mapping[str, Any]) -> BoltResponse:
        """Slack never sends a command again, so it is answered in every case."""
        person, channel = str(body.get("user_id", "")), str(body.get("channel_id", ""))
        locale = self._directory.locale(person)
        match str(body.get("text", "")).strip().lower():
            case "stop" | "stopp":
                return _ephemeral(await self._stop(person, channel, locale))
            case "neu" | "new":
                return _ephemeral(say(Text.NEW, locale))
        return _ephemeral(say(Text.HELP, locale))

    async def _stop(self, person: str, channel: str, locale: str | None) -> str:
        try:
            team = self._account.team
            return stopped(await self._intake.stop_answers_to(person, PLATFORM, team, channel), locale)
        except PlatformUnreachable:
            return sorry(Text.NOT_READY, locale)
        except PlauschError as trouble:
            log.warning("a slash command could not be carried out: %s", type(trouble).__name__)
            return sorry(Text.UNAVAILABLE, locale)

    async def _press(self, body: Mapping[str, Any]) -> BoltResponse:
        """No message of ours has buttons, so a press is kept as it came. Slack never sends it again either: what goes
        wrong is said to the person, behind the acknowledgement, which can carry no text here.
        """
        try:
            raw = await as_it_came(body)
            await self._intake.unreadable(PLATFORM, self._account.team, raw, "a press that nothing answers")
        except PlatformUnreachable:
            self._say_sorry(body, Text.NOT_READY)
        except PlauschError as trouble:
            log.warning("a press could not be kept: %s", type(trouble).__name__)
            self._say_sorry(body, Text.UNAVAILABLE)
        return _done()

    def _say_sorry(self, body: Mapping[str, Any], text: Text) -> None:
        where = Where.of_press(body)
        if self._whisper is None or where is None:
            return
        task = asyncio.create_task(self._whisper(where, sorry(text, self._directory.locale(where.person))))
        self._whispering.add(task)
        task.add_done_callback(self._whispering.discard)

    @property
    def _account(self) -> Account:
        if (account := self._known()) is None:
            raise PlatformUnreachable("not signed in to Slack yet")
        return account


def _plain_event(body: str | dict[str, Any], headers: Mapping[str, str]) -> dict[str, Any] | None:
    """What bolt would hand to the listener for events; None: bolt has to look at it.

    Nearly all that comes are events, of which bolt does nothing but find out that they are: that takes more time than
    all else on their way to the database.
    """
    if isinstance(body, str):
        if headers.get("content-type") != "application/json":
            return None
        try:
            body = json.loads(body)
        except (ValueError, RecursionError):
            return None
    if not isinstance(body, dict) or body.get("type") != "event_callback":
        return None
    event = body.get("event")
    return body if isinstance(event, dict) and isinstance(event.get("type"), str) else None


def _problem(body: Mapping[str, Any]) -> str | None:
    """What is wrong with a body that bolt takes, and would call unlistened; None where nothing is."""
    if body.get("type") == "event_callback" and not isinstance(body.get("event"), dict):
        return "event is missing or no object"
    return None


async def _unlistened(error: Exception) -> BoltResponse:
    """Acknowledge what nobody listens to: the answer of bolt itself is 404, which Slack counts as a failure."""
    if not isinstance(error, BoltUnhandledRequestError):
        raise error
    return _done()


def _done() -> BoltResponse:
    return BoltResponse(status=HTTPStatus.OK)


def _later() -> BoltResponse:
    return BoltResponse(status=HTTPStatus.SERVICE_UNAVAILABLE)


def _ephemeral(text: str) -> BoltResponse:
    return BoltResponse(status=HTTPStatus.OK, body={"response_type": "ephemeral", "text": text})
