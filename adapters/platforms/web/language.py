from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from starlette.requests import Request

LANGUAGES = ("de", "en")
COOKIE = "plausch_language"
"""Set by the page's own switch; it goes before what the browser asks for."""


def language_of(request: Request) -> str:
    """``de`` or ``en``: the header's best, German where it names neither."""
    return preferred(request.headers.get("accept-language", ""))


def page_language(request: Request) -> str:
    """The same for the page itself, where the person may have switched."""
    chosen = request.cookies.get(COOKIE, "")
    return chosen if chosen in LANGUAGES else language_of(request)


def preferred(header: str) -> str:
    """The best of our languages in an ``Accept-Language`` header (RFC 9110, 12.5.4)."""
    weights = dict.fromkeys(LANGUAGES, 0.0)
    for entry in header[:1000].split(","):
        tag, _, parameters = entry.strip().partition(";")
        language = tag.strip().lower().partition("-")[0]
        if language in weights:
            weights[language] = max(weights[language], _quality(parameters))
    return max(LANGUAGES, key=lambda language: weights[language])


def _quality(parameters: str) -> float:
    name, _, value = parameters.strip().partition("=")
    if name.strip() != "q":
        return 1.0
    try:
        return float(value)
    except ValueError:
        return 0.0
