"""The dashboard on a real database, and a browser's part of it: cookies, forms, redirects."""

from __future__ import annotations

import asyncio
import contextlib
import re
from dataclasses import dataclass, field
from functools import cache
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

import aiohttp
from argon2 import PasswordHasher
from starlette.routing import Route
from yarl import URL

from adapters.stores.sql.inbox import SqlInbox
from adapters.stores.sql.operators import Operator, Role, SqlOperators
from adapters.stores.sql.sign_ins import SqlSignIns
from bot.dashboard.guard import COOKIE
from bot.dashboard.mount import Dashboard
from bot.web import WebServer

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping

    from adapters.stores.sql.database import Database

PASSWORD = "Kaffee Wolke Fahrrad"


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back, redirects followed or not."""

    status: int
    path: str
    text: str
    headers: Mapping[str, str]


@dataclass(slots=True)
class Browser:
    """Somebody before the dashboard."""

    address: str
    http: aiohttp.ClientSession
    headers: dict[str, str] = field(default_factory=lambda: {"Sec-Fetch-Site": "same-origin"})

    async def get(self, path: str, *, follow: bool = True) -> Answer:
        """Open a page."""
        return await self._ask("GET", path, None, follow=follow)

    async def post(self, path: str, *, follow: bool = True, **fields: str) -> Answer:
        """Send a form."""
        return await self._ask("POST", path, fields, follow=follow)

    async def sign_in(self, name: str, password: str = PASSWORD, goal: str = "") -> Answer:
        """Sign in by the form."""
        return await self.post("/admin/sign-in", name=name, password=password, next=goal)

    @property
    def cookie(self) -> str | None:
        """The secret that the browser holds."""
        return next((one.value for one in self.http.cookie_jar if one.key == COOKIE), None)

    async def _ask(self, method: str, path: str, fields: Mapping[str, str] | None, *, follow: bool) -> Answer:
        asked = self.http.request(
            method, URL(self.address + path, encoded=True), data=fields, headers=self.headers, allow_redirects=follow
        )
        async with asked as response:
            return Answer(response.status, response.url.path_qs, await response.text(), response.headers)


@dataclass(frozen=True, slots=True)
class Open:
    """A dashboard that runs."""

    address: str
    database: Database
    operators: SqlOperators
    troubles: dict[str, str]

    async def operator(self, name: str, role: Role, **more: Any) -> Operator:
        """An operator who has set the password, whose hash is a cheap one here."""
        added = await self.operators.add(name, role, by=None, **more)
        await self.operators.set_password(await self.operators.link(added, by=None), _cheap_hash())
        return added

    @contextlib.asynccontextmanager
    async def browser(self, name: str | None = None) -> AsyncIterator[Browser]:
        """A browser; with a name, one in which that operator is signed in."""
        jar = aiohttp.CookieJar(unsafe=True, treat_as_secure_origin=[URL(self.address)])
        if name is not None:
            operator = await self.operators.named(name)
            assert operator is not None
            hashed = await self.operators.password_of(operator.id)
            secret = await SqlSignIns(self.database).begin(operator, hashed, "Firefox", "127.0.0.1")
            assert secret is not None
            jar.update_cookies({COOKIE: secret}, URL(self.address))
        async with aiohttp.ClientSession(cookie_jar=jar) as http:
            yield Browser(self.address, http)


@cache
def _cheap_hash() -> str:
    return PasswordHasher(time_cost=1, memory_cost=8, parallelism=1).hash(PASSWORD)


@contextlib.asynccontextmanager
async def dashboard(database: Database) -> AsyncIterator[Open]:
    """The dashboard on this database."""
    troubles: dict[str, str] = {}
    mounted = Dashboard(
        database, ZoneInfo("Europe/Berlin"), SqlInbox(database).backlog, lambda: troubles, ["web", "telegram"]
    )
    server = WebServer([Route("/admin{path:path}", mounted)], "127.0.0.1", 0)
    serving = asyncio.create_task(server.run_until_told())
    try:
        yield Open(server.address, database, SqlOperators(database), troubles)
    finally:
        server.should_exit = True
        await serving


def link_in(text: str) -> str:
    """The path of the one-time link in a page or on a terminal."""
    found = re.search(r"/admin/link/[\w-]{20,}", text)
    assert found, text
    return found[0]
