"""One request for a page: who asks, in which language, and what the answer is made of."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from http import HTTPStatus
from typing import TYPE_CHECKING, Any
from zoneinfo import available_timezones

from starlette.responses import RedirectResponse, Response

from bot.dashboard import pages
from bot.dashboard.guard import drops_our_cookie
from bot.dashboard.words import words_for

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping, Sequence
    from zoneinfo import ZoneInfo

    from starlette.requests import Request

    from adapters.stores.sql.audit import SqlAudit
    from adapters.stores.sql.operators import Operator, SqlOperators
    from adapters.stores.sql.sign_ins import SqlSignIns
    from bot.dashboard.guard import Asker, Form
    from bot.dashboard.passwords import Passwords
    from bot.dashboard.signing_in import SigningIn
    from bot.dashboard.words import Words
    from conversation.turns import Backlog


@dataclass(frozen=True, slots=True)
class Desk:
    """What the pages read and change."""

    operators: SqlOperators
    sign_ins: SqlSignIns
    audit: SqlAudit
    passwords: Passwords
    signing_in: SigningIn
    zone: ZoneInfo
    """Of operators who chose none."""
    backlog: Callable[[], Awaitable[Backlog]]
    troubles: Callable[[], Mapping[str, str]]
    """What is wrong now, by part."""
    platforms: Sequence[str]


@dataclass(frozen=True, slots=True)
class Page:
    """A request, and what its answer needs."""

    request: Request
    desk: Desk
    asker: Asker | None
    language: str
    zone: ZoneInfo
    form: Form
    """What was sent."""

    @property
    def me(self) -> Operator:
        """Who asks. Only on pages that are open to those who are signed in."""
        if self.asker is None:
            raise RuntimeError("this page is open to everybody")
        return self.asker.operator

    @property
    def words(self) -> Words:
        """Texts, dates and numbers as the operator reads them."""
        return words_for(self.language, self.zone)

    @property
    def path(self) -> str:
        """The page's own address, with its filters."""
        query = self.request.url.query
        return self.request.url.path + (f"?{query}" if query else "")

    def show(self, template: str, *, status: int = HTTPStatus.OK, **context: Any) -> Response:
        """The page."""
        return pages.render(
            template,
            language=self.language,
            zone=self.zone,
            me=self.asker.operator if self.asker else None,
            path=self.path,
            insecure=drops_our_cookie(self.request),
            status=status,
            **context,
        )

    def error(self, status: int, *, foreign: bool = False) -> Response:
        """One of the pages that say what is wrong and what to do. ``foreign``: another page sent the request."""
        return pages.error(
            status,
            language=self.language,
            zone=self.zone,
            me=self.asker.operator if self.asker else None,
            path=self.path,
            foreign=foreign,
        )


def go(path: str) -> Response:
    """Go on there, by a request that changes nothing."""
    return RedirectResponse(path, HTTPStatus.SEE_OTHER)


@cache
def time_zones() -> frozenset[str]:
    """All there are; looking for them reads hundreds of files."""
    return frozenset(available_timezones())
