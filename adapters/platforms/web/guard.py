from __future__ import annotations

from dataclasses import dataclass
from ipaddress import IPv6Address, ip_address
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from starlette.responses import HTMLResponse, Response

from adapters.platforms.web.problems import Problem, Said
from conversation.errors import StoreUnavailable

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from starlette.requests import Request

    Endpoint = Callable[[Request], Awaitable[Response]]

LOOPBACK_NAMES = frozenset({"127.0.0.1", "localhost", "::1"})

_OF_PROXIES = frozenset({"forwarded", "via", "x-real-ip", "true-client-ip", "cf-connecting-ip"})

CLOSED_PAGE = """<!doctype html><html lang="de"><meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1"><title>plausch</title>
<h1>Dieser Chat ist nur auf dem eigenen Rechner offen.</h1>
<p>Öffnen Sie ihn dort unter http://127.0.0.1, ohne Proxy dazwischen. Soll er für andere offen sein, setzen Sie
<code>PLAUSCH_WEB_CHAT=true</code> und starten plausch neu.</p>
<section lang="en"><h2>This chat is open on its own machine only.</h2>
<p>Open it there at http://127.0.0.1, without a proxy in between. To open it to others, set
<code>PLAUSCH_WEB_CHAT=true</code> and restart plausch.</p></section></html>
"""


def _not_from_the_page() -> Problem:
    return Problem(
        403,
        Said("Diese Anfrage kam nicht von der Chat-Seite.", "This request did not come from the chat page."),
        Said("Öffne den Chat direkt und sende von dort.", "Open the chat itself and send from there."),
    )


def _store_away() -> Problem:
    return Problem(
        503,
        Said("Die Datenbank ist gerade nicht erreichbar.", "The database can't be reached right now."),
        Said("Nichts wurde gespeichert. Versuche es gleich noch einmal.", "Nothing was stored. Try again in a moment."),
    )


@dataclass(frozen=True, slots=True)
class Guard:
    """Who is answered, and what a browser may do with the answer.

    Unless ``open_to_others``, a request must come from a loopback address, name a loopback host (a page that rebinds
    its own name to 127.0.0.1 still sends that name) and carry no trace of a proxy, behind which anybody may sit.
    """

    open_to_others: bool = False
    framed_by: tuple[str, ...] = ()

    def around(self, endpoint: Endpoint) -> Endpoint:
        """The endpoint behind the guard; problems become JSON, and every response carries the security headers."""

        async def guarded(request: Request) -> Response:
            response = await self._answer(endpoint, request)
            response.headers.update(self._headers())
            return response

        return guarded

    async def _answer(self, endpoint: Endpoint, request: Request) -> Response:
        if not self.open_to_others and not is_local(request):
            return HTMLResponse(CLOSED_PAGE, status_code=403, headers={"Cache-Control": "no-store"})
        try:
            if request.method == "POST" and not from_the_page(request):
                raise _not_from_the_page()
            return await endpoint(request)
        except Problem as problem:
            return problem.response(request)
        except StoreUnavailable:
            return _store_away().response(request)

    def _headers(self) -> dict[str, str]:
        policy = (
            "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
            "base-uri 'none'; form-action 'none'; require-trusted-types-for 'script'; trusted-types 'none'; "
            "frame-ancestors "
        ) + (" ".join(self.framed_by) or "'none'")
        headers = {
            "Content-Security-Policy": policy,
            "Cross-Origin-Opener-Policy": "same-origin",
            "Cross-Origin-Resource-Policy": "same-origin",
            "Referrer-Policy": "no-referrer",
            "X-Content-Type-Options": "nosniff",
        }
        return headers if self.framed_by else headers | {"X-Frame-Options": "DENY"}


def is_local(request: Request) -> bool:
    """Whether the request came straight from a browser on this machine."""
    # No browser speaks HTTP/1.0; a proxy that was told nothing else does (nginx before 1.29.7), without any header.
    if request.scope.get("http_version") == "1.0" or any(map(_is_of_a_proxy, request.headers)):
        return False
    origin = request.headers.get("origin")
    return (
        _is_loopback_address(request.client.host if request.client else "")
        and host_name(request.headers.get("host", "")) in LOOPBACK_NAMES
        and (origin is None or host_name(_origin_host(origin)) in LOOPBACK_NAMES)
    )


def _is_of_a_proxy(header: str) -> bool:
    return header in _OF_PROXIES or header.startswith("x-forwarded")


def from_the_page(request: Request) -> bool:
    """Whether a request that changes something was sent by our own page, or by no browser at all.

    Only the host is compared: behind a proxy that ends TLS the scheme that we see is not the browser's. Other ports of
    the same host are other programs, so "same-site" is not enough.
    """
    site = request.headers.get("sec-fetch-site")
    origin = request.headers.get("origin")
    if site is not None and site != "same-origin":
        return False
    return origin is None or _origin_host(origin) == request.headers.get("host", "").lower()


def _origin_host(origin: str) -> str:
    try:
        return urlsplit(origin).netloc.lower()
    except ValueError:
        return ""


def host_name(host: str) -> str:
    """The name in ``name:port``; "" where the port is no number."""
    try:
        parts = urlsplit(f"//{host}")
        _ = parts.port  # Reading it is what checks it.
    except ValueError:
        return ""
    return "" if parts.path or parts.query or "@" in host else parts.hostname or ""


def _is_loopback_address(address: str) -> bool:
    try:
        ip = ip_address(address)
    except ValueError:
        return False
    if isinstance(ip, IPv6Address) and ip.ipv4_mapped:
        return ip.ipv4_mapped.is_loopback
    return ip.is_loopback
