"""Who may see the panes: a browser on this machine, at the page's own address."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from starlette.responses import PlainTextResponse, RedirectResponse

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from starlette.requests import Request
    from starlette.responses import Response

    Endpoint = Callable[[Request], Awaitable[Response]]

HOST = "127.0.0.1"
_OTHER_NAMES = frozenset({"localhost", "::1"})
_HEADERS = {
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}


class NotAllowed(Exception):
    """The request is refused; ``status`` is HTTP's, the text says why and what to do."""

    def __init__(self, status: int, why: str) -> None:
        super().__init__(why)
        self.status = status


def guarded(endpoint: Endpoint, *, frames: Callable[[], str] = lambda: "'self'", framed_by: str = "'self'") -> Endpoint:
    """The endpoint behind the guard. ``frames``: what it may show in frames; ``framed_by``: who may show it in one."""

    async def answer(request: Request) -> Response:
        try:
            response = await _answer(endpoint, request)
        except NotAllowed as refusal:
            response = PlainTextResponse(f"{refusal}\n", refusal.status)
        response.headers.update(_HEADERS | {"Content-Security-Policy": _policy(frames(), framed_by)})
        return response

    return answer


async def _answer(endpoint: Endpoint, request: Request) -> Response:
    if any(name in {"forwarded", "via"} or name.startswith("x-forwarded") for name in request.headers):
        raise NotAllowed(403, "The sandbox is for this machine only: open it without a proxy in between.")
    name, port = _name_and_port(request.headers.get("host", ""))
    if name in _OTHER_NAMES and request.method == "GET":
        # The web chat in its frame lives at this name too; under another one it would be another site, without cookies.
        return RedirectResponse(f"http://{HOST}:{port}{request.url.path}")
    if name != HOST:
        raise NotAllowed(403, f"The sandbox is for this machine only: open it at http://{HOST}.")
    if request.method == "POST" and not _is_from_the_page(request):
        raise NotAllowed(403, "Write from the page itself.")
    return await endpoint(request)


def _is_from_the_page(request: Request) -> bool:
    origin = request.headers.get("origin", f"http://{request.headers['host']}")
    is_json = request.headers.get("content-type", "").startswith("application/json")
    same_site = request.headers.get("sec-fetch-site", "same-origin") == "same-origin"
    return is_json and same_site and origin == f"http://{request.headers['host']}"


def _name_and_port(host: str) -> tuple[str, int]:
    """The name and port of a Host header; ("", 0) where it is none."""
    try:
        parts = urlsplit(f"//{host}")
        port = parts.port or 80
    except ValueError:
        return "", 0
    return ("", 0) if "@" in host or parts.path else (parts.hostname or "", port)


def _policy(frames: str, framed_by: str) -> str:
    return (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
        "base-uri 'none'; form-action 'none'; require-trusted-types-for 'script'; trusted-types 'none'; "
        f"frame-src {frames}; frame-ancestors {framed_by}"
    )
