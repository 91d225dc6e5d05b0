"""Which language a page speaks."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from starlette.requests import Request

LANGUAGES = ("de", "en")
# The web chat's own cookie: cookies don't know ports, so one switch turns all panes.
_COOKIE = "plausch_language"


def language_of(request: Request) -> str:
    """``de`` or ``en``: what was chosen on a page, else the first of the two that the browser names, else German."""
    if (chosen := request.cookies.get(_COOKIE)) in LANGUAGES:
        return str(chosen)
    wanted = request.headers.get("accept-language", "")[:1000].lower().split(",")
    tags = (entry.partition(";")[0].strip().partition("-")[0] for entry in wanted)
    return next((tag for tag in tags if tag in LANGUAGES), LANGUAGES[0])
