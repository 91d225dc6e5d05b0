from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from starlette.responses import JSONResponse

from adapters.platforms.web.language import language_of

if TYPE_CHECKING:
    from starlette.requests import Request

_MORE = {
    # The rest of the body is not waited for.
    408: {"Connection": "close"},
    413: {"Connection": "close"},
    503: {"Retry-After": "2"},
}


@dataclass(frozen=True, slots=True)
class Said:
    """A sentence to a person, in each of our languages."""

    de: str
    en: str

    def to(self, request: Request) -> str:
        """In the language that the request asks for."""
        return self.en if language_of(request) == "en" else self.de


class Problem(Exception):
    """A request that can't be answered: ``{"error": what happened, "field": where or null, "cure": what to do}``."""

    def __init__(self, status: int, error: Said, cure: Said, field: str | None = None) -> None:
        super().__init__(error.en)
        self.status = status
        self.error = error
        self.cure = cure
        self.field = field

    def response(self, request: Request) -> JSONResponse:
        """The problem in the person's language."""
        content = {"error": self.error.to(request), "field": self.field, "cure": self.cure.to(request)}
        headers = {"Cache-Control": "no-store"} | _MORE.get(self.status, {})
        return JSONResponse(content, self.status, headers=headers)
