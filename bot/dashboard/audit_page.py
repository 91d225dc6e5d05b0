"""The page of the audit log."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING
from urllib.parse import urlencode

from adapters.stores.sql.audit import Action, Deed, Entry

if TYPE_CHECKING:
    from starlette.responses import Response

    from bot.dashboard.page import Page

_PAGE_LENGTH = 50
_DAYS = 7


@dataclass(frozen=True, slots=True)
class Line:
    """An entry, and the name of whoever did it. None: the command line, or somebody who is no operator any more."""

    entry: Entry
    who: str | None


async def audit_page(page: Page) -> Response:
    """The newest entries that the filters let through. Reading is noted, too."""
    chosen = page.request.query_params
    action = chosen.get("action") if chosen.get("action") in set(Action) else None
    people = {operator.id: operator.name for operator in await page.desk.operators.all()}
    operator_id = chosen.get("operator") if chosen.get("operator") in people else None
    days, before = _days(chosen.get("days")), _number(chosen.get("before"))
    filters = urlencode({"action": action or "", "operator": operator_id or "", "days": days or ""})
    looked_at = [action, people.get(operator_id or ""), f"{days} d" if days else None]
    await page.desk.audit.note(Deed(Action.AUDIT_READ, page.me.id, detail=", ".join(filter(None, looked_at))))
    since = datetime.now(UTC) - timedelta(days=days) if days else None
    found = await page.desk.audit.entries(before, _PAGE_LENGTH, action=action, operator_id=operator_id, since=since)
    older = f"/admin/audit?{filters}&before={found.entries[-1].number}" if found.more else None
    return page.show(
        "audit.html",
        entries=[Line(entry, people.get(entry.operator_id or "")) for entry in found.entries],
        actions=[action.value for action in Action],
        people=list(people.items()),
        chosen={"action": action or "", "operator": operator_id or "", "days": days},
        older=older,
    )


def _days(text: str | None) -> int | None:
    """The days that are asked for; a week where nothing is said, and None for all of them."""
    if text is None:
        return _DAYS
    return int(text) if re.fullmatch("[1-9][0-9]{0,4}", text) else None


def _number(text: str | None) -> int | None:
    return int(text) if text and re.fullmatch("[0-9]{1,17}", text) else None
