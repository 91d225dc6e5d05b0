"""Puts the dashboard together."""

from __future__ import annotations

from typing import TYPE_CHECKING

from adapters.stores.sql.audit import SqlAudit
from adapters.stores.sql.operators import SqlOperators
from adapters.stores.sql.sign_ins import SqlSignIns
from bot.dashboard.page import Desk
from bot.dashboard.passwords import Passwords
from bot.dashboard.routes import application
from bot.dashboard.signing_in import SigningIn

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping, Sequence
    from zoneinfo import ZoneInfo

    from starlette.applications import Starlette

    from adapters.stores.sql.database import Database
    from conversation.turns import Backlog


def application_of(
    database: Database,
    zone: ZoneInfo,
    backlog: Callable[[], Awaitable[Backlog]],
    troubles: Callable[[], Mapping[str, str]],
    platforms: Sequence[str],
) -> Starlette:
    """The dashboard on this database. See ``Dashboard``."""
    operators, sign_ins, passwords = SqlOperators(database), SqlSignIns(database), Passwords()
    desk = Desk(
        operators=operators,
        sign_ins=sign_ins,
        audit=SqlAudit(database),
        passwords=passwords,
        signing_in=SigningIn(operators, sign_ins, passwords),
        zone=zone,
        backlog=backlog,
        troubles=troubles,
        platforms=platforms,
    )
    return application(desk)
