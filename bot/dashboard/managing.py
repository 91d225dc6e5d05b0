"""The owner's page for operators: invite, change, remove, one-time links."""

from __future__ import annotations

from dataclasses import dataclass
from http import HTTPStatus
from typing import TYPE_CHECKING

from adapters.stores.sql.operator_names import NameUnfit
from adapters.stores.sql.operators import (
    LINK_HOURS,
    LastOwner,
    NameTaken,
    NoSuchOperator,
    Operator,
    Role,
)
from bot.dashboard.page import go

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from starlette.responses import Response

    from adapters.stores.sql.operators import Workspaces
    from bot.dashboard.guard import Form
    from bot.dashboard.page import Page

_PAGE = "/admin/operators"


@dataclass(frozen=True, slots=True)
class Row:
    """An account, and when it was used last."""

    operator: Operator
    last_seen: datetime | None
    signed_in: bool
    me: bool


@dataclass(frozen=True, slots=True)
class Link:
    """A one-time link that was just made. It is shown once."""

    url: str
    name: str
    hours: int = LINK_HOURS


async def operators_page(page: Page) -> Response:
    """All operators."""
    return await _show(page)


async def invite(page: Page) -> Response:
    """A new operator, and the link for the password."""
    form = page.form
    role, workspaces = _role(form), await _workspaces(page, form)
    typed = {"name": form.text("name"), "role": form.text("role"), "workspaces": workspaces}
    _ = page.words.gettext
    if role is None:
        return await _show(page, error=_("Please choose a role."), form=typed)
    try:
        added = await page.desk.operators.add(form.text("name"), role, workspaces, by=page.me.id)
    except NameTaken:
        error = _("There is an operator of this name already. Please choose another name.")
        return await _show(page, error=error, form=typed)
    except NameUnfit:
        error = _("This name can't be used: letters, digits and . @ + - _, up to 64 characters, please.")
        return await _show(page, error=error, form=typed)
    return await _with_link(page, added)


async def change(page: Page) -> Response:
    """Another role, or other workspaces."""
    operator, form = await _meant(page), page.form
    role = _role(form)
    if operator is None or role is None:
        return page.error(HTTPStatus.NOT_FOUND)
    try:
        workspaces = await _workspaces(page, form, operator.workspaces)
        await page.desk.operators.change(operator.id, role, workspaces, by=page.me.id)
    except LastOwner:
        return await _show(page, error=_last_owner(page))
    return go(_PAGE)


async def new_link(page: Page) -> Response:
    """A link by which the operator sets a password."""
    operator = await _meant(page)
    return page.error(HTTPStatus.NOT_FOUND) if operator is None else await _with_link(page, operator)


async def remove(page: Page) -> Response:
    """Remove an account."""
    operator = await _meant(page)
    if operator is None:
        return page.error(HTTPStatus.NOT_FOUND)
    try:
        await page.desk.operators.remove(operator.id, by=page.me.id)
    except LastOwner:
        return await _show(page, error=_last_owner(page))
    return go(_PAGE)


async def _meant(page: Page) -> Operator | None:
    return await page.desk.operators.of_id(page.request.path_params["id"])


async def _with_link(page: Page, operator: Operator) -> Response:
    try:
        token = await page.desk.operators.link(operator, by=page.me.id)
    except NoSuchOperator:
        return page.error(HTTPStatus.NOT_FOUND)
    base = str(page.request.base_url.replace(path=""))
    return await _show(page, link=Link(f"{base.rstrip('/')}/admin/link/{token}", operator.name))


async def _show(
    page: Page, *, link: Link | None = None, error: str | None = None, form: Mapping[str, object] | None = None
) -> Response:
    newest = await page.desk.sign_ins.newest()
    rows: Sequence[Row] = [
        Row(
            operator,
            last_seen=newest.get(operator.id, (None, False))[0],
            signed_in=newest.get(operator.id, (None, False))[1],
            me=operator.id == page.me.id,
        )
        for operator in await page.desk.operators.all()
    ]
    return page.show(
        "operators.html",
        rows=rows,
        roles=[(role.value, told) for role, told in _roles(page).items()],
        known_workspaces=await page.desk.operators.known_workspaces(),
        link=link,
        error=error,
        form=form or {"name": "", "role": Role.REVIEWER.value, "workspaces": None},
        status=HTTPStatus.OK if error is None else HTTPStatus.UNPROCESSABLE_ENTITY,
    )


def _roles(page: Page) -> dict[Role, str]:
    _ = page.words.gettext
    return {
        Role.OWNER: _("reveals names, exports, erases, and manages operators"),
        Role.ADMIN: _("runs the service and reads no text"),
        Role.REVIEWER: _("reads text under pseudonyms"),
        Role.AUDITOR: _("reads the audit log and the works council's page"),
    }


def _last_owner(page: Page) -> str:
    return page.words.gettext("This is the last owner: nobody could manage operators. Make another one first.")


def _role(form: Form) -> Role | None:
    try:
        return Role(form.text("role"))
    except ValueError:
        return None


async def _workspaces(page: Page, form: Form, before: Workspaces | None = None) -> Workspaces | None:
    """None: all of them; else what was ticked, of what there is or what was allowed ``before``. Forgetting to tick
    anything opens nothing.
    """
    if form.text("everywhere") == "yes":
        return None
    ticked = set(form.texts("workspaces"))
    known = sorted({*await page.desk.operators.known_workspaces(), *(before or ())})
    return tuple(one for one in known if " ".join(one) in ticked)
