"""Turns a template into a page, with what every page knows: who looks at it, in which language, from where."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Protocol

from jinja2 import Environment, PackageLoader, StrictUndefined
from starlette.responses import HTMLResponse

from bot.dashboard import labels
from bot.dashboard.passwords import LEAST
from bot.dashboard.words import words_for

if TYPE_CHECKING:
    from collections.abc import Sequence
    from zoneinfo import ZoneInfo

_HOME = "/admin"


class Reader(Protocol):
    """The operator who looks at the page."""

    @property
    def name(self) -> str:
        """As the operator is called."""

    @property
    def role(self) -> str:
        """``owner``, ``admin``, ``reviewer`` or ``auditor``."""


@dataclass(frozen=True, slots=True)
class Place:
    """An entry of the navigation."""

    name: str
    address: str
    current: bool


def render(  # noqa: PLR0913 - what every page knows, by name
    template: str,
    *,
    language: str,
    zone: ZoneInfo | None,
    me: Reader | None,
    path: str,
    insecure: bool = False,
    status: int = HTTPStatus.OK,
    **context: Any,
) -> HTMLResponse:
    """The page as an answer.

    ``path`` is the page's own address, with its query: the navigation marks it, and the language's switch leads back to
    it. ``insecure``: it goes over plain HTTP to another machine. ``context`` is what this template asks for.
    """
    words = words_for(language, zone)
    common = {
        "language": words.language,
        "words": words,
        "me": me,
        "nav": _places(words.language, me, path) if me else [],
        "path": path,
        "insecure": insecure,
        "now": datetime.now(UTC),
        "role_names": labels.role_names(words),
        "action_names": labels.action_names(words),
    }
    return HTMLResponse(_environment(words.language).get_template(template).render(common | context), status)


def error(  # noqa: PLR0913 - as above
    status: int,
    *,
    language: str,
    zone: ZoneInfo | None,
    me: Reader | None,
    path: str,
    foreign: bool = False,
) -> HTMLResponse:
    """The page that says what is wrong and what helps. ``foreign``: a 403 because another page sent the request."""
    told = labels.trouble(words_for(language, zone), status, foreign=foreign)
    return render("error.html", language=language, zone=zone, me=me, path=path, status=status, told=told, number=status)


def _places(language: str, me: Reader, path: str) -> Sequence[Place]:
    """Where this role may go."""
    _ = words_for(language, None).gettext
    at = path.partition("?")[0]
    places = [(_("Overview"), _HOME, True)]
    places.append((_("Operators"), f"{_HOME}/operators", me.role == "owner"))
    places.append((_("Audit log"), f"{_HOME}/audit", me.role in {"owner", "auditor"}))
    places.append((_("My account"), f"{_HOME}/account", True))
    return [
        Place(name, address, at == address or (address != _HOME and at.startswith(f"{address}/")))
        for name, address, allowed in places
        if allowed
    ]


@cache
def _environment(language: str) -> Environment:
    environment = Environment(
        loader=PackageLoader("bot.dashboard"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        extensions=["jinja2.ext.i18n"],
        auto_reload=False,
    )
    words = words_for(language, None)
    environment.install_gettext_callables(  # type: ignore[attr-defined]  # the i18n extension adds it
        words.gettext, words.ngettext, newstyle=True
    )
    environment.globals |= {"least": LEAST}
    return environment
