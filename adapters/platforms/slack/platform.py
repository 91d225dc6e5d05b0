"""Slack as a platform: one workspace, by its bot token."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from adapters.platforms.slack import finding, formatting, tokens
from adapters.platforms.slack.calls import new_session, web_client
from adapters.platforms.slack.formatting import Part
from adapters.platforms.slack.methods import Methods
from adapters.platforms.slack.normalise import PLATFORM
from adapters.platforms.slack.pacing import Pacer
from adapters.platforms.slack.people import Directory
from adapters.platforms.slack.receive import Receiver
from adapters.platforms.slack.routes import EventsRoute
from adapters.platforms.slack.socket_mode import SILENCE_SECONDS, SocketMode
from adapters.platforms.slack.status import Status
from adapters.platforms.slack.whisper import Whisper
from adapters.platforms.slack.writer import Writer
from conversation.errors import PlatformUnreachable, SettingWrong
from conversation.places import Capabilities

if TYPE_CHECKING:
    from collections.abc import Sequence

    import aiohttp
    from slack_sdk.web.async_client import AsyncWebClient
    from starlette.routing import Route

    from adapters.platforms.slack.account import Account
    from conversation.messages import Author
    from conversation.places import Place
    from conversation.ports import Intake


@dataclass(frozen=True, slots=True)
class _Workspace:
    """What works with one session; made in the event loop that uses it."""

    http: aiohttp.ClientSession
    client: AsyncWebClient
    people: Directory
    writer: Writer
    status: Status


class Slack:
    """The platform port, both ways in, and what the doctor asks. ``start`` comes first."""

    name = PLATFORM
    capabilities = Capabilities(can_find=True)

    def __init__(  # noqa: PLR0913 - each of them is a setting, or what a test sets
        self,
        bot_token: str,
        app_token: str | None = None,
        signing_secret: str | None = None,
        api_url: str | None = None,
        pacer: Pacer | None = None,
        *,
        silence_seconds: float = SILENCE_SECONDS,
    ) -> None:
        """``api_url`` ends in ``/api/``; ``pacer`` is for tests, which have no time to wait.

        ``silence_seconds``: a socket over which nothing has come for so long is replaced.
        """
        self._bot_token = bot_token
        self._app_token = app_token or ""
        self._signing_secret = signing_secret or ""
        self._api_url = api_url
        self._pacer = pacer or Pacer()
        self._silence_seconds = silence_seconds
        self._socket: SocketMode | None = None
        self._made: _Workspace | None = None
        self._account: Account | None = None

    async def start(self) -> None:
        """Sign in. May be repeated until it succeeds.

        Raises ``SettingWrong`` where Slack refuses the token, ``PlatformUnreachable`` or ``TooFast`` where it has to
        be tried later.
        """
        if self._account is None:
            self._account = await tokens.sign_in(self._workspace.client)

    async def check(self) -> Sequence[SettingWrong]:
        """For the doctor: what is wrong with tokens and scopes. Raises as ``start`` does."""
        await self.start()
        found = [tokens.scopes_missing(self._signed_in())]
        if self._app_token:
            try:
                await tokens.open_socket(self._workspace.client, self._app_token)
            except SettingWrong as wrong:
                found.append(wrong)
        return [wrong for wrong in found if wrong is not None]

    async def aclose(self) -> None:
        """Close the connections. ``run_socket_mode`` is cancelled before."""
        if self._made is not None:
            await self._made.http.close()

    # ── receiving ────────────────────────────────────────────────────────────────────────────────────────────────────

    def routes(self, intake: Intake) -> list[Route]:
        """The HTTP way in. Until ``start`` has succeeded events get a 503, and Slack delivers them again."""
        made: list[Receiver] = []

        def receiver() -> Receiver:  # late, in the event loop that takes the first request
            if not made:
                made.append(self._receiver(intake))
            return made[0]

        return [EventsRoute(receiver, self._signing_secret).route()]

    async def run_socket_mode(self, intake: Intake) -> None:
        """The Socket Mode way in, after ``start``, until it is cancelled. Raises ``SettingWrong``."""
        self._signed_in()
        self._socket = SocketMode(
            self._receiver(intake), self._workspace.client, self._app_token, silence_seconds=self._silence_seconds
        )
        try:
            await self._socket.run()
        finally:
            self._socket = None

    @property
    def trouble(self) -> str | None:
        """Why nothing comes in at the moment, in plain words; None while all is well, and where events come by HTTP."""
        return self._socket.trouble if self._socket else None

    def _receiver(self, intake: Intake) -> Receiver:
        workspace = self._workspace
        return Receiver(intake, lambda: self._account, workspace.people, Whisper(workspace.client))

    # ── the port ─────────────────────────────────────────────────────────────────────────────────────────────────────

    def parts(self, markdown: str) -> Sequence[Part]:
        """The text made harmless and cut where one message can't hold it. Never empty."""
        return formatting.parts(markdown)

    async def pace(self, place: Place, *, last: bool) -> None:
        """Return when the workspace's limits let us write there."""
        await self._workspace.writer.pace(place, last=last)

    async def begin(self, place: Place, send_id: str) -> str:
        """Start a stream in the question's thread, or post "…"; returns the message's ``ts``."""
        account, workspace = self._signed_in(), self._workspace
        home = None if place.direct else await workspace.people.team(workspace.client, place.person)
        return await workspace.writer.begin(place, send_id, home or account.team)

    async def edit(self, place: Place, message_id: str, part: object, *, last: bool) -> None:
        """Let the message show the part. Beside the port's errors, ``PlatformError`` where Slack refuses for good."""
        if not isinstance(part, Part):
            raise TypeError("a part of another platform")
        inherited = not self._workspace.writer.knows(place, message_id)
        by_stream = await self._workspace.writer.edit(place, message_id, part, last=last)
        if last:
            await self._workspace.status.done(place, by_stream=by_stream, inherited=inherited)

    async def find(self, place: Place, send_id: str) -> str | None:
        """The ``ts`` of what ``begin`` may have sent. Raises ``PlatformUnreachable``, ``TooFast``."""
        workspace = self._workspace
        return await finding.find(
            workspace.client, self._signed_in(), place, send_id, lambda ts: workspace.writer.knows(place, ts)
        )

    async def remove(self, place: Place, message_id: str) -> None:
        """Delete the message; a stream is ended first. It may be gone already."""
        await self._workspace.writer.remove(place, message_id)

    async def typing(self, place: Place) -> None:
        """Show under the thread that we are at it."""
        await self._workspace.status.at_it(place, self._workspace.people.locale(place.person))

    async def person(self, workspace: str, person: str) -> Author | None:
        """Name and locale from ``users.info``, remembered for an hour."""
        if self._account is None or workspace != self._account.team:
            return None
        return await self._workspace.people.person(self._workspace.client, person)

    # ── what they share ──────────────────────────────────────────────────────────────────────────────────────────────

    def _signed_in(self) -> Account:
        if self._account is None:
            raise PlatformUnreachable("not signed in to Slack yet")
        return self._account

    @property
    def _workspace(self) -> _Workspace:
        if self._made is None:
            http = new_session()
            client = web_client(self._bot_token, self._api_url, http)
            writer = Writer(Methods(client, self._pacer), self._pacer)
            self._made = _Workspace(http, client, Directory(), writer, Status(client))
        return self._made
