"""The dashboard's pages: what is where, and who may open it."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from functools import cache
from http import HTTPStatus
from importlib.resources import files
from typing import TYPE_CHECKING
from urllib.parse import quote
from zoneinfo import ZoneInfo

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect
from starlette.responses import Response
from starlette.routing import Route

from adapters.platforms.web import assets
from adapters.platforms.web.language import LANGUAGES, page_language
from adapters.stores.sql.operators import Role
from bot.dashboard import account, audit_page, entrance, home, managing
from bot.dashboard.guard import (
    HEADERS,
    NO_STORE,
    Asker,
    Form,
    TooLarge,
    drops_our_cookie,
    form_of,
    from_our_page,
    secret_of,
)
from bot.dashboard.page import Desk, Page, go, time_zones
from conversation.errors import StoreUnavailable

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

    from starlette.requests import Request

    Handler = Callable[[Page], Awaitable[Response]]

PREFIX = "/admin"
EVERYBODY = frozenset[Role]()
SIGNED_IN = frozenset(Role)
OWNER = frozenset({Role.OWNER})
AUDIT = frozenset({Role.OWNER, Role.AUDITOR})


@dataclass(frozen=True, slots=True)
class Way:
    """A page or a change under ``PREFIX``, and the roles that may ask for it; none: whoever comes."""

    path: str
    handler: Handler
    roles: frozenset[Role]
    method: str = "GET"


WAYS: Sequence[Way] = (
    Way("", home.home, SIGNED_IN),
    Way("/sign-in", entrance.sign_in_page, EVERYBODY),
    Way("/sign-in", entrance.sign_in, EVERYBODY, "POST"),
    Way("/signed-in", entrance.signed_in, EVERYBODY),
    Way("/sign-out", entrance.sign_out, EVERYBODY, "POST"),
    Way("/link/{token}", entrance.link_page, EVERYBODY),
    Way("/link/{token}", entrance.use_link, EVERYBODY, "POST"),
    Way("/language", entrance.language, EVERYBODY, "POST"),
    Way("/account", account.account, SIGNED_IN),
    Way("/account", account.save, SIGNED_IN, "POST"),
    Way("/account/password", account.change_password, SIGNED_IN, "POST"),
    Way("/account/sign-out-everywhere", account.sign_out_everywhere, SIGNED_IN, "POST"),
    Way("/operators", managing.operators_page, OWNER),
    Way("/operators", managing.invite, OWNER, "POST"),
    Way("/operators/{id}", managing.change, OWNER, "POST"),
    Way("/operators/{id}/link", managing.new_link, OWNER, "POST"),
    Way("/operators/{id}/remove", managing.remove, OWNER, "POST"),
    Way("/audit", audit_page.audit_page, AUDIT),
)
_FORM_SECONDS = 10.0
_NOTHING = Form([])
_SHARED = ("tokens.css", "icon.svg")


def application(desk: Desk) -> Starlette:
    """The dashboard. It is given whole paths."""
    guards = Guards(desk)
    routes = [Route(PREFIX + way.path, guards.around(way), methods=[way.method]) for way in WAYS]
    routes.append(Route(f"{PREFIX}/static/{{name}}", _static))
    return Starlette(routes=routes, exception_handlers={HTTPException: guards.lost})


class Guards:
    """Who is answered. Every answer carries the headers that keep it to itself."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    def around(self, way: Way) -> Callable[[Request], Awaitable[Response]]:
        """The way behind the guards."""

        async def guarded(request: Request) -> Response:
            try:
                response = await self._answer(way, request)
            except StoreUnavailable:
                response = self._page(request).error(HTTPStatus.SERVICE_UNAVAILABLE)
            except ClientDisconnect:
                response = Response(status_code=HTTPStatus.BAD_REQUEST)
            response.headers.update(HEADERS | NO_STORE)
            return response

        return guarded

    async def lost(self, request: Request, problem: Exception) -> Response:
        """What is asked for is not there, or not in this way."""
        status = problem.status_code if isinstance(problem, HTTPException) else HTTPStatus.NOT_FOUND
        response = self._page(request).error(status)
        response.headers.update(HEADERS | NO_STORE)
        return response

    async def _answer(self, way: Way, request: Request) -> Response:
        form = await self._form(request) if way.method == "POST" else _NOTHING
        if isinstance(form, Response):
            return form
        asker = await self._asker(request)
        page = self._page(request, asker, form)
        if way.roles and asker is None:
            goal = page.path if way.method == "GET" else "/admin"
            return go(f"/admin/sign-in?next={quote(goal)}")
        if way.roles and asker is not None and asker.operator.role not in way.roles:
            return page.error(HTTPStatus.FORBIDDEN)
        return await way.handler(page)

    async def _form(self, request: Request) -> Form | Response:
        """What was sent, or what to answer instead.

        It is read before anybody is looked up: who sends slowly must not act by rights that were taken away meanwhile.
        """
        stranger = self._page(request)
        if not from_our_page(request):
            if drops_our_cookie(request):
                return stranger.show("dropped.html", status=HTTPStatus.FORBIDDEN)
            return stranger.error(HTTPStatus.FORBIDDEN, foreign=True)
        try:
            async with asyncio.timeout(_FORM_SECONDS):
                return await form_of(request)
        except TooLarge:
            return stranger.error(HTTPStatus.REQUEST_ENTITY_TOO_LARGE)
        except TimeoutError:
            return stranger.error(HTTPStatus.REQUEST_TIMEOUT)

    async def _asker(self, request: Request) -> Asker | None:
        secret = secret_of(request)
        found = await self._desk.sign_ins.of_secret(secret) if secret else None
        return None if found is None else Asker(*found)

    def _page(self, request: Request, asker: Asker | None = None, form: Form = _NOTHING) -> Page:
        operator = asker.operator if asker else None
        language = operator.locale if operator and operator.locale in LANGUAGES else page_language(request)
        zone = self._desk.zone
        if operator and operator.zone in time_zones():
            zone = ZoneInfo(str(operator.zone))
        return Page(request, self._desk, asker, language, zone, form)


async def _static(request: Request) -> Response:
    """A style sheet or a script; browsers keep it and ask whether it is still the same."""
    name = request.path_params["name"]
    asset = assets.named(name) if name in _SHARED else _own_assets().get(name)
    if asset is None:
        raise HTTPException(HTTPStatus.NOT_FOUND)
    headers = HEADERS | {"Cache-Control": "no-cache", "ETag": asset.etag}
    if request.headers.get("if-none-match") == asset.etag:
        return Response(status_code=HTTPStatus.NOT_MODIFIED, headers=headers)
    return Response(asset.content, media_type=asset.media_type, headers=headers)


@cache
def _own_assets() -> dict[str, assets.Asset]:
    return assets.assets_in(files("bot.dashboard") / "static")
