"""How roles, actions and troubles are called on the pages."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from bot.dashboard.words import Words


@dataclass(frozen=True, slots=True)
class Trouble:
    """What an error page says: what happened, and what helps."""

    title: str
    text: str
    cure: str


@cache
def role_names(words: Words) -> dict[str, str]:
    """The name of each role."""
    _ = words.gettext
    return {"owner": _("Owner"), "admin": _("Admin"), "reviewer": _("Reviewer"), "auditor": _("Auditor")}


@cache
def action_names(words: Words) -> dict[str, str]:
    """What was done, as the audit log says it."""
    _ = words.gettext
    return {
        "signed_in": _("Signed in"),
        "sign_in_failed": _("Sign-in failed"),
        "signed_out": _("Signed out"),
        "signed_out_everywhere": _("Signed out everywhere"),
        "password_set": _("Password set"),
        "link_made": _("One-time link made"),
        "operator_added": _("Operator added"),
        "operator_changed": _("Operator changed"),
        "operator_removed": _("Operator removed"),
        "audit_read": _("Audit log read"),
    }


def trouble(words: Words, status: int, *, foreign: bool = False) -> Trouble:
    """The trouble behind an HTTP status. ``foreign``: a 403 because the request came from another page."""
    _ = words.gettext
    if foreign:
        return Trouble(
            _("This did not come from our page"),
            _("The request came from another page, so nothing was done."),
            _("Open the dashboard itself and try again there. Behind a proxy, it has to pass on the host's name."),
        )
    known = _troubles(words)
    return known.get(status) or known[500 if status >= 500 else 400]  # noqa: PLR2004 - where the server's errors begin


@cache
def _troubles(words: Words) -> dict[int, Trouble]:
    _ = words.gettext
    return {
        400: Trouble(
            _("That could not be understood"),
            _("The request was not one of ours."),
            _("Go back, reload the page and try again."),
        ),
        403: Trouble(
            _("Your role does not allow this"),
            _("This page is for other roles."),
            _("If you need it, ask an owner to change your role."),
        ),
        404: Trouble(
            _("There is nothing here"),
            _("The page does not exist, or no longer does."),
            _("Go on from the overview."),
        ),
        405: Trouble(
            _("That can't be opened like this"),
            _("This address takes what a form sends."),
            _("Go on from the overview."),
        ),
        413: Trouble(
            _("That was too much at once"),
            _("The form is larger than what is taken here."),
            _("Go back and shorten what you typed."),
        ),
        429: Trouble(
            _("Too much at once"),
            _("More was asked for than can be done right now. Nothing was changed."),
            _("Wait a moment and try again."),
        ),
        500: Trouble(
            _("Something went wrong"),
            _("The page could not be made."),
            _("Try again. If it stays like this, the service's log says why."),
        ),
        503: Trouble(
            _("The database can't be reached"),
            _("Without it no page can be shown. What people write is taken in again as soon as it is back."),
            _("Look after the database. plausch connects again by itself."),
        ),
    }
