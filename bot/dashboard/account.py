"""An operator's own account: language, time zone, password, sign-ins."""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING

from adapters.platforms.web.language import LANGUAGES
from bot.dashboard.entrance import password_problems
from bot.dashboard.guard import forget, keep
from bot.dashboard.page import go, time_zones
from bot.dashboard.passwords import Busy, problem_of

if TYPE_CHECKING:
    from starlette.responses import Response

    from bot.dashboard.page import Page


async def account(page: Page) -> Response:
    """The page."""
    return await _show(page, done=page.request.query_params.get("done", ""))


async def save(page: Page) -> Response:
    """Language and time zone."""
    form = page.form
    language, zone = form.text("language"), form.text("zone")
    if zone not in time_zones() or language not in LANGUAGES:
        error = page.words.gettext("There is no such time zone. Please choose one from the list.")
        return await _show(page, error=error, status=HTTPStatus.UNPROCESSABLE_ENTITY)
    await page.desk.operators.prefer(page.me.id, language, zone)
    return go("/admin/account?done=saved")


async def change_password(page: Page) -> Response:
    """Another password. It ends every sign-in, and begins one here."""
    form, me, desk = page.form, page.me, page.desk
    _ = page.words.gettext
    try:
        before = await desk.signing_in.proven(me, form.text("current"), page.request)
        if before is None:
            error = _("Your current password is wrong, or was wrong too often: then wait a few minutes.")
            return await _show(page, error=error, status=HTTPStatus.FORBIDDEN)
        if problem := problem_of(form.text("password"), form.text("again"), me.name):
            error = password_problems(page.words)[problem]
            return await _show(page, error=error, status=HTTPStatus.UNPROCESSABLE_ENTITY)
        hashed = await desk.passwords.hash(form.text("password"))
    except Busy:
        return page.error(HTTPStatus.TOO_MANY_REQUESTS)
    response = go("/admin/account?done=password")
    secret = None
    if await desk.operators.change_password(me.id, before, hashed):
        secret = await desk.signing_in.begin(me, hashed, page.request)
    if secret is not None:
        keep(secret, response)
    return response


async def sign_out_everywhere(page: Page) -> Response:
    """End every sign-in, this one too."""
    await page.desk.sign_ins.end_all(page.me.id)
    response = go("/admin/sign-in")
    forget(response)
    return response


async def _show(page: Page, *, error: str | None = None, done: str = "", status: int = HTTPStatus.OK) -> Response:
    _ = page.words.gettext
    said = {"saved": _("Saved."), "password": _("Your password was changed. All other sign-ins have ended.")}
    return page.show(
        "account.html",
        sign_ins=await page.desk.sign_ins.of_operator(page.me.id),
        current_id=page.asker.sign_in.id if page.asker else "",
        zones=sorted(time_zones()),
        current_zone=page.zone.key,
        error=error,
        done=said.get(done),
        status=status,
    )
