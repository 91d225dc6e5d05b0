"""The audit log: who did what, in a chain that shows what was changed, removed, moved or cut off."""

from __future__ import annotations

import secrets
import uuid
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any

import structlog
from sqlalchemy import bindparam, func, insert, null, select, type_coerce, update
from sqlalchemy.types import NullType

from adapters.stores.sql.audit_chain import FIRST, Link, digest_of_detail, is_genuine, one_id, one_time
from adapters.stores.sql.audit_findings import verdict_of
from adapters.stores.sql.audit_walk import Walk
from adapters.stores.sql.operator_tables import audit_entries
from adapters.stores.sql.types import among, in_seconds
from conversation.messages import storable

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Sequence
    from datetime import datetime

    from sqlalchemy import Select
    from sqlalchemy.ext.asyncio import AsyncConnection

    from adapters.stores.sql.audit_findings import Verdict
    from adapters.stores.sql.audit_walk import Head
    from adapters.stores.sql.database import Database

# Whoever holds this advisory lock of PostgreSQL writes the next entry; "plaudi" in hexadecimal.
_WRITER_LOCK = 0x706C61756469
_BATCH = 1_000
_SMALLEST, _LARGEST = -(1 << 63), (1 << 63) - 1
log = structlog.get_logger(__name__)


class Action(StrEnum):
    """What can be done."""

    SIGNED_IN = "signed_in"
    SIGN_IN_FAILED = "sign_in_failed"
    SIGNED_OUT = "signed_out"
    SIGNED_OUT_EVERYWHERE = "signed_out_everywhere"
    PASSWORD_SET = "password_set"  # noqa: S105 - a word
    LINK_MADE = "link_made"
    OPERATOR_ADDED = "operator_added"
    OPERATOR_CHANGED = "operator_changed"
    OPERATOR_REMOVED = "operator_removed"
    AUDIT_READ = "audit_read"


@dataclass(frozen=True, slots=True)
class Deed:
    """What is to be noted. Somebody's name may stand in ``detail`` only: nothing else can be erased.

    ``operator_id``: None for the command line. ``subject``: the id of whom or what it was done to.
    """

    action: Action
    operator_id: str | None
    subject: str = ""
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Entry:
    """What was noted. ``detail`` is None once it was erased."""

    number: int
    at: datetime
    operator_id: str | None
    action: str
    subject: str
    detail: str | None
    digest: str


@dataclass(frozen=True, slots=True)
class Page:
    """Some entries, the newest first, and whether there are older ones."""

    entries: Sequence[Entry]
    more: bool


_ENTRY = ("number", "at", "operator_id", "action", "subject", "detail", "digest")
_NEWEST = select(*(audit_entries.c[name] for name in ("number", "at", "digest"))).order_by(
    audit_entries.c.number.desc()
)
# Ids and times as the driver has them: what a forger writes there must not stop us.
_CHAIN = (
    select(
        *(audit_entries.c[name] for name in ("number", "action", "subject", "detail_digest", "digest")),
        *(audit_entries.c[name] for name in ("salt", "detail")),
        *(type_coerce(audit_entries.c[name], NullType()).label(name) for name in ("at", "operator_id")),
    )
    .where(audit_entries.c.number >= bindparam("start", type_=audit_entries.c.number.type))
    .order_by(audit_entries.c.number)
    .limit(_BATCH)
)


async def note(connection: AsyncConnection, *deeds: Deed) -> list[Entry]:
    """Add the deeds to the log, in the caller's write transaction; call ``told`` with the entries after its commit.

    From here to the commit all others who want to note something wait, so let it be the transaction's last statement.
    """
    if not deeds:
        return []
    if connection.dialect.name == "postgresql":
        # SQLite has one writer at a time anyway.
        await connection.execute(select(func.pg_advisory_xact_lock(_WRITER_LOCK)))
    newest = (await connection.execute(_NEWEST.limit(1))).first()
    now = (await connection.execute(select(in_seconds()))).scalar_one()
    number, at, digest = newest or (0, now, FIRST)
    at = max(at, now)
    rows = []
    for deed in deeds:
        number += 1
        row = _row(number, at, deed, digest)
        digest = row["digest"]
        rows.append(row)
    await connection.execute(insert(audit_entries), rows)
    return [Entry(**{name: row[name] for name in _ENTRY}) for row in rows]


def _row(number: int, at: datetime, deed: Deed, before: str) -> dict[str, Any]:
    subject, detail, salt = storable(deed.subject), storable(deed.detail), secrets.token_hex(32)
    operator_id = None if deed.operator_id is None else str(uuid.UUID(deed.operator_id))
    digest = digest_of_detail(salt, detail)
    link = Link(number, one_time(at), operator_id, deed.action.value, subject, digest)
    return {
        "number": number,
        "at": at,
        "operator_id": operator_id,
        "action": link.action,
        "subject": subject,
        "detail": detail,
        "salt": salt,
        "detail_digest": digest,
        "digest": link.follows(before),
    }


def told(entries: Sequence[Entry]) -> None:
    """Write the chain's new head to the service's log, where who forges the database can't reach it."""
    if entries:
        log.info("audit", number=entries[-1].number, digest=entries[-1].digest)


def _unseen(_done: int, _total: int) -> None:
    """Nobody watches."""


class SqlAudit:
    """The audit log on SQLite and PostgreSQL. Everything raises ``StoreUnavailable``."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def note(self, *deeds: Deed) -> list[Entry]:
        """Add the deeds in a transaction of their own; they are committed and told afterwards."""
        async with self._database.writing() as connection:
            entries = await note(connection, *deeds)
        told(entries)
        return entries

    async def entries(
        self,
        before: int | None = None,
        limit: int = 50,
        *,
        action: str | None = None,
        operator_id: str | None = None,
        since: datetime | None = None,
    ) -> Page:
        """The newest entries, or the newest with a number below ``before``, of this kind, operator and time."""
        try:
            operator_id = operator_id and str(uuid.UUID(operator_id))
        except ValueError:
            return Page((), more=False)
        query = _page(before, action, operator_id, since).limit(limit + 1)
        async with self._database.reading() as connection:
            found = [Entry(*row) for row in await connection.execute(query)]
        return Page(found[:limit], more=len(found) > limit)

    async def erase_details(self, numbers: Collection[int]) -> None:
        """Erase the details of these entries for good; the chain holds without them."""
        erased = update(audit_entries).where(among(audit_entries.c.number, "numbers"))
        async with self._database.writing() as connection:
            await connection.execute(erased.values(detail=null(), salt=null()), {"numbers": list(numbers)})

    async def verify(self, heads: Iterable[Head] = (), seen: Callable[[int, int], None] = _unseen) -> Verdict:
        """Look at every entry, and at the chain's ``heads`` as the service's log tells them.

        ``seen`` is called with how many were looked at, and how many there are.
        """
        walk, start = Walk(heads), _SMALLEST
        async with self._database.reading() as connection:
            total = (await connection.execute(select(func.count()).select_from(audit_entries))).scalar_one()
        while True:
            async with self._database.reading() as connection:
                rows = (await connection.execute(_CHAIN, {"start": start})).all()
            for row in rows:
                walk.take(_link(row), is_genuine_detail=is_genuine(row.salt, row.detail, row.detail_digest))
            seen(walk.entries, total)
            if len(rows) < _BATCH:
                return verdict_of(walk)
            start = rows[-1].number + 1


def _page(before: int | None, action: str | None, operator_id: str | None, since: datetime | None) -> Select[Any]:
    columns = audit_entries.c
    query = select(*(columns[name] for name in _ENTRY)).order_by(columns.number.desc())
    if before is not None:
        query = query.where(columns.number < max(_SMALLEST, min(before, _LARGEST)))
    if action is not None:
        query = query.where(columns.action == storable(action))
    if operator_id is not None:
        query = query.where(columns.operator_id == operator_id)
    if since is not None:
        # Times grow with the numbers: from the first entry on that is new enough, no time has to be compared.
        first = select(columns.number).where(columns.at >= since).order_by(columns.at, columns.number).limit(1)
        query = query.where(columns.number >= first.scalar_subquery())
    return query


def _link(row: Any) -> Link:
    return Link(
        row.number,
        one_time(row.at),
        one_id(row.operator_id),
        row.action,
        row.subject,
        row.detail_digest,
        row.digest,
    )
