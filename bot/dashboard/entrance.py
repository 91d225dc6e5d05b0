"""The pages before the door: signing in and out, one-time links, the language."""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING
from urllib.parse import urlencode

from adapters.platforms.web.language import COOKIE as LANGUAGE_COOKIE
from adapters.platforms.web.language import LANGUAGES
from bot.dashboard.guard import forget, keep, own_path
from bot.dashboard.page import go
from bot.dashboard.passwords import LEAST, LONGEST, Busy, Unfit, problem_of
from bot.dashboard.signing_in import Refused

if TYPE_CHECKING:
    from starlette.responses import Response

    from bot.dashboard.page import Page
    from bot.dashboard.words import Words

_YEAR = 365 * 24 * 3600


async def sign_in_page(page: Page) -> Response:
    """The form; who is signed in goes on at once."""
    goal = own_path(page.request.query_params.get("next", ""))
    if page.asker is not None:
        return go(goal)
    return page.show("sign_in.html", name="", next=goal, error=None)


async def sign_in(page: Page) -> Response:
    """Check what was typed."""
    form = page.form
    name, goal = form.text("name").strip(), own_path(form.text("next"))
    outcome = await page.desk.signing_in.sign_in(name, form.text("password"), page.request)
    if isinstance(outcome, Refused):
        status = HTTPStatus.FORBIDDEN if outcome is Refused.WRONG else HTTPStatus.TOO_MANY_REQUESTS
        error = _refusals(page.words)[outcome]
        return page.show("sign_in.html", name=name, next=goal, error=error, status=status)
    response = go(f"/admin/signed-in?{urlencode({'next': goal})}")
    keep(outcome, response)
    return response


async def signed_in(page: Page) -> Response:
    """Whether the browser has kept the cookie: over plain HTTP it drops it without a word."""
    if page.asker is None:
        return page.show("dropped.html", status=HTTPStatus.FORBIDDEN)
    return go(own_path(page.request.query_params.get("next", "")))


async def sign_out(page: Page) -> Response:
    """End this sign-in."""
    if page.asker is not None:
        await page.desk.sign_ins.end(page.asker.operator.id, page.asker.sign_in.id)
    response = go("/admin/sign-in")
    forget(response)
    return response


async def link_page(page: Page) -> Response:
    """The form of a one-time link. Looking at it does not use it up: programs that preview links look too."""
    found = await page.desk.operators.of_link(page.request.path_params["token"])
    if found is None:
        return _over(page)
    return page.show("link.html", operator=found[0], purpose=found[1].value, error=None)


async def use_link(page: Page) -> Response:
    """Set the password, and sign in with it."""
    token = page.request.path_params["token"]
    found = await page.desk.operators.of_link(token)
    if found is None:
        return _over(page)
    form = page.form
    password = form.text("password")
    if problem := problem_of(password, form.text("again"), found[0].name):
        error = password_problems(page.words)[problem]
        status = HTTPStatus.UNPROCESSABLE_ENTITY
        return page.show("link.html", operator=found[0], purpose=found[1].value, error=error, status=status)
    try:
        hashed = await page.desk.passwords.hash(password)
    except Busy:
        return page.error(HTTPStatus.TOO_MANY_REQUESTS)
    operator = await page.desk.operators.set_password(token, hashed)
    if operator is None:
        return _over(page)
    secret = await page.desk.signing_in.begin(operator, hashed, page.request)
    if secret is None:
        return _over(page)
    response = go("/admin/signed-in")
    keep(secret, response)
    return response


def _over(page: Page) -> Response:
    return page.show("link_over.html", status=HTTPStatus.GONE)


async def language(page: Page) -> Response:
    """Another language, kept for who is signed in, else by the browser."""
    form = page.form
    chosen, response = form.text("language"), go(own_path(form.text("next")))
    if chosen in LANGUAGES:
        response.set_cookie(LANGUAGE_COOKIE, chosen, max_age=_YEAR, path="/", samesite="lax")
        if page.asker is not None:
            await page.desk.operators.prefer(page.asker.operator.id, chosen, None)
    return response


def password_problems(words: Words) -> dict[Unfit, str]:
    """What is wrong with a new password, in words."""
    _ = words.gettext
    return {
        Unfit.SHORT: _("The password is too short: %(least)d characters or more, please.") % {"least": LEAST},
        Unfit.LONG: _("The password is too long: %(most)d characters at most, please.") % {"most": LONGEST},
        Unfit.DIFFERENT: _("The two passwords are not the same. Please type both again."),
        Unfit.NAME: _("The password says little more than your name. Please choose another one."),
    }


def _refusals(words: Words) -> dict[Refused, str]:
    _ = words.gettext
    return {
        Refused.WRONG: _("Name or password is wrong. Please try again, or ask an owner for a new link."),
        Refused.TOO_OFTEN: _("There were too many failed attempts. Please wait a few minutes and try again."),
        Refused.BUSY: _("Too many people are signing in right now. Please try again in a moment."),
    }
