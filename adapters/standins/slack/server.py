"""The stand-in itself: it listens on loopback while it is open."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Self, TypeVar

import aiohttp
from aiohttp import web

from adapters.standins.slack.actions import Actions
from adapters.standins.slack.announcing import Announcer
from adapters.standins.slack.faults import Fault, FaultKind, Faults, Held
from adapters.standins.slack.interactions import ResponseUrls
from adapters.standins.slack.limits import UNLISTED_HISTORY, UNLISTED_RATES, Buckets
from adapters.standins.slack.methods_chat import Api
from adapters.standins.slack.model import APP
from adapters.standins.slack.parcels import Carrier, Deliveries
from adapters.standins.slack.request_url import RequestUrl
from adapters.standins.slack.settings import RETRY_DELAYS, Settings
from adapters.standins.slack.sockets import Sockets
from adapters.standins.slack.watching import Watch
from adapters.standins.slack.web_api import WebApi
from adapters.standins.slack.workspace import Workspace

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from types import TracebackType

    from adapters.standins.slack.records import Call, Delivery, Ephemeral, Line
    from adapters.standins.slack.watching import Changes

T = TypeVar("T")
HOST = "127.0.0.1"
_MAX_BODY = 4 * 1024 * 1024
_PAGE = 1000


@dataclass(kw_only=True, eq=False)
class StandInSlack(Settings, Actions):
    """A Slack with one workspace and one app. ``async with StandInSlack(…) as slack`` opens and closes it."""

    def __post_init__(self) -> None:
        self._watch = Watch()
        self._workspace = Workspace(self.clock, self._watch, self.app_name, self.stream_seconds)
        self._sockets = Sockets(self, self._watch)
        delays = [seconds * self.retry_scale for seconds in RETRY_DELAYS]
        self._deliveries = Deliveries(self._carrier, self._watch, self.clock, delays)
        self._announcer = Announcer(self._workspace, self.subscriptions, self._deliveries.send_event)
        self._responses = ResponseUrls(self._workspace, self._announcer, lambda: self._base)
        self._faults = Faults()
        self._web_api = self._make_web_api()
        self._base = ""

    def _make_web_api(self) -> WebApi:
        rates = {**self.rates, **(UNLISTED_RATES if self.unlisted else {})}
        limit = UNLISTED_HISTORY if self.unlisted else _PAGE
        api = Api(self._workspace, self._announcer, self._open_link, limit)
        return WebApi(api, self, Buckets(rates, self.clock), self._faults)

    def _open_link(self) -> str:
        ticket = self._sockets.new_ticket()
        return f"{self._base.replace('http', 'ws', 1)}/link/?ticket={ticket}&app_id={APP}"

    def _carrier(self) -> Carrier:
        return self._sockets if self.events_url is None else self._request_url

    # ── opening and closing ──────────────────────────────────────────────────────────────────────────────────────────

    async def __aenter__(self) -> Self:
        self._session = aiohttp.ClientSession()
        self._request_url = RequestUrl(self, self._session)
        application = web.Application(client_max_size=_MAX_BODY)
        application.add_routes(
            [
                web.post("/api/{method}", self._web_api.handle),
                web.get("/api/{method}", self._web_api.handle),
                web.get("/link/", self._sockets.handle),
                web.post("/response/{key}", self._responses.handle),
            ]
        )
        self._runner = web.AppRunner(application, access_log=None, shutdown_timeout=1.0)
        await self._runner.setup()
        site = web.TCPSite(self._runner, HOST, self.port)
        await site.start()
        self.port = self._runner.addresses[0][1]
        self._base = f"http://{HOST}:{self.port}"
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, problem: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._deliveries.close()
        await self._sockets.close()
        await self._runner.cleanup()
        await self._session.close()
        self._watch.close()

    @property
    def api_url(self) -> str:
        """What SDKs take as ``base_url``; ends in ``/api/``."""
        return f"{self._base}/api/"

    # ── what can be seen ─────────────────────────────────────────────────────────────────────────────────────────────

    @property
    def calls(self) -> Sequence[Call]:
        """Every call of the Web API, in order."""
        return self._web_api.calls

    def calls_of(self, method: str) -> list[Call]:
        """The calls of one method."""
        return [call for call in self.calls if call.method == method]

    @property
    def deliveries(self) -> Sequence[Delivery]:
        """Every finished attempt to deliver something, with its outcome."""
        return self._deliveries.log

    def acknowledged(self, ts: str) -> bool:
        """Whether an event about this message was acknowledged."""
        return any(delivery.outcome.acknowledged for delivery in self.deliveries if delivery.ts == ts)

    @property
    def ephemerals(self) -> Sequence[Ephemeral]:
        """What only one person saw, answers to commands included."""
        return self._workspace.ephemerals

    def status(self, channel: str, thread_ts: str) -> str:
        """What stands under the thread while the app is at it, or ""."""
        return self._workspace.statuses.get((channel, thread_ts), "")

    def thread(self, channel: str, ts: str) -> tuple[Line, ...]:
        """The thread that this message opened, the message itself first; deleted ones too."""
        return tuple(self._workspace.line(message) for message in self._workspace.in_thread(channel, ts))

    def lines(self, channel: str) -> tuple[Line, ...]:
        """Everything in the room, threads included, oldest first; deleted ones too."""
        messages = self._workspace.messages.values()
        return tuple(self._workspace.line(message) for message in messages if message.channel == channel)

    def changes(self) -> Changes:
        """What happens from now on, as an async iterator that ends with the stand-in."""
        return self._watch.changes()

    async def wait_for(self, predicate: Callable[[], T], within: float = 5.0) -> T:
        """What the predicate returns once it is truthy; it is asked anew after each change. Raises ``TimeoutError``."""
        return await self._watch.wait_for(predicate, within)

    # ── what can go wrong ────────────────────────────────────────────────────────────────────────────────────────────

    def fail_next(self, method: str, kind: FaultKind, error: str = "internal_error", seconds: float = 1.0) -> None:
        """Let the next call of the method fail; ``seconds`` is the delay of SLOW and ``Retry-After`` of RATELIMITED."""
        self._faults.add(method, Fault(FaultKind(kind), error, seconds))

    def hold_next(self, method: str) -> Held:
        """Let the next call of the method wait until it is released; then it is done as usual."""
        held = Held()
        self._faults.add(method, Fault(FaultKind.SLOW, seconds=0, held=held))
        return held

    # ── the app's settings page ──────────────────────────────────────────────────────────────────────────────────────

    async def verify_events_url(self) -> bool:
        """Whether the request URL says the challenge back."""
        return await self._request_url.verify()

    @property
    def sockets(self) -> int:
        """How many sockets are open."""
        return self._sockets.count

    async def refresh_sockets(self, reason: str = "refresh_requested") -> None:
        """Tell each socket that it will go, as Slack does every few hours."""
        await self._sockets.disconnect(reason)

    def drop_sockets(self) -> None:
        """Cut each socket without a word."""
        self._sockets.drop()
