"""What stands between a request and a page: who asks, from where, and what a browser may do with the answer."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import parse_qsl

from adapters.platforms.web.guard import LOOPBACK_NAMES, from_the_page, host_name

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.responses import Response

    from adapters.stores.sql.operators import Operator
    from adapters.stores.sql.sign_ins import SignIn

COOKIE = "__Host-plausch_operator"
LARGEST_FORM = 64 * 1024
_MOST_FIELDS = 200
_HOME = "/admin"
_OF_OURS = re.compile(r"/admin(/[\w./-]*)?(\?[\w.=&%+-]*)?")
HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
        "form-action 'self'; base-uri 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'; "
        "trusted-types 'none'"
    ),
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
}
NO_STORE = {"Cache-Control": "no-store"}


class TooLarge(Exception):
    """A form is larger than any of ours."""


@dataclass(frozen=True, slots=True)
class Asker:
    """An operator who is signed in, and by which sign-in."""

    operator: Operator
    sign_in: SignIn


class Form:
    """The fields of a form that was sent."""

    def __init__(self, fields: list[tuple[str, str]]) -> None:
        self._fields = fields

    def text(self, name: str) -> str:
        """The field's first value, "" where there is none."""
        return next((value for field, value in self._fields if field == name), "")

    def texts(self, name: str) -> list[str]:
        """All values of the field."""
        return [value for field, value in self._fields if field == name]


async def form_of(request: Request) -> Form:
    """Read the form. Raises ``TooLarge``."""
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > LARGEST_FORM:
            raise TooLarge
    try:
        return Form(parse_qsl(body.decode(), keep_blank_values=True, max_num_fields=_MOST_FIELDS))
    except ValueError:
        return Form([])


def own_path(path: str) -> str:
    """The path if it is one of the dashboard's pages, else its first page: nobody is led elsewhere."""
    return path if _OF_OURS.fullmatch(path) and "//" not in path else _HOME


def from_our_page(request: Request) -> bool:
    """Whether a form was sent by one of our pages, or by no browser at all.

    Our pages send no referrer, and so browsers name their forms' origin "null": what counts is ``Sec-Fetch-Site``,
    which no page can write.
    """
    site = request.headers.get("sec-fetch-site")
    return from_the_page(request) if site is None else site == "same-origin"


def drops_our_cookie(request: Request) -> bool:
    """Whether the browser will silently drop a cookie that is for secure pages only.

    Browsers send ``Sec-Fetch-Site`` on secure pages and on those of their own machine: a proxy that ends TLS and does
    not tell us so is no plain HTTP.
    """
    host = host_name(request.headers.get("host", ""))
    return (
        request.url.scheme == "http"
        and "sec-fetch-site" not in request.headers
        and host not in LOOPBACK_NAMES
        and not host.endswith(".localhost")
    )


def secret_of(request: Request) -> str | None:
    """The secret in our cookie. The header is read to the letter: parsers that forgive odd spaces in names would let
    others set what only we may (the prefix ``__Host-`` is what browsers look at).
    """
    parts = (part.strip(" ") for header in request.headers.getlist("cookie") for part in header.split(";"))
    found = [part.removeprefix(f"{COOKIE}=") for part in parts if part.startswith(f"{COOKIE}=")]
    return found[0] if len(found) == 1 else None


def keep(secret: str, response: Response) -> None:
    """Set the cookie, for as long as the browser is open. ``Lax``: a link in Slack leads to the page that it names."""
    response.set_cookie(COOKIE, secret, path="/", secure=True, httponly=True, samesite="lax")


def forget(response: Response) -> None:
    """Take the cookie back, and what the browser has kept of the pages for going back to them."""
    response.delete_cookie(COOKIE, path="/", secure=True, httponly=True, samesite="lax")
    response.headers["Clear-Site-Data"] = '"cache"'
