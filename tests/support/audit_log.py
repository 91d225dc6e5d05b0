"""An audit log, and what somebody who can write to the database does to it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from adapters.stores.sql.audit import Action, Deed, SqlAudit
from adapters.stores.sql.audit_chain import FIRST, Link, one_id, one_time
from adapters.stores.sql.audit_walk import Head
from adapters.stores.sql.types import new_id

if TYPE_CHECKING:
    from collections.abc import Sequence

    from adapters.stores.sql.audit import Entry
    from adapters.stores.sql.database import Database
    from tests.support.databases import Rows

Found = list[tuple[str, int]]


class Log:
    """It notes, forges and verifies."""

    def __init__(self, database: Database, rows: Rows) -> None:
        self.audit = SqlAudit(database)
        self.rows = rows
        self.entries: list[Entry] = []

    async def note(self, count: int = 1) -> None:
        deeds = [Deed(Action.SIGNED_IN, new_id(), "somewhere", "a reason") for _ in range(count)]
        self.entries += await self.audit.note(*deeds)

    async def forge(self, *statements: str) -> None:
        for statement in statements:
            await self.rows.change(statement)

    async def renumber(self, number: int, other: int) -> None:
        await self.forge(f"UPDATE audit_entries SET number = {other} WHERE number = {number}")  # noqa: S608 - numbers

    async def exchange(self, number: int, other: int) -> None:
        await self.renumber(number, 1000)
        await self.renumber(other, number)
        await self.renumber(1000, other)

    async def rewrite(self, since: int, until: int = 1_000) -> None:
        """Give the entries new digests, as somebody does who knows how they are made."""
        before = FIRST
        for row in await self.rows.select("SELECT * FROM audit_entries ORDER BY number"):
            digest = row.digest
            if since <= row.number <= until:
                who, what = one_id(row.operator_id), (row.action, row.subject, row.detail_digest)
                digest = Link(row.number, one_time(row.at), who, *what).follows(before)
                changed = "UPDATE audit_entries SET digest = :digest WHERE number = :number"
                await self.rows.change(changed, digest=digest, number=row.number)
            before = digest

    def heads(self, *numbers: int) -> list[Head]:
        return [Head(one.number, one.digest) for one in self.entries if not numbers or one.number in numbers]

    async def words(self, heads: Sequence[Head] = ()) -> list[str]:
        return [finding.words for finding in (await self.audit.verify(heads)).findings]

    async def found(self, heads: Sequence[Head] = ()) -> Found:
        return [(finding.kind, finding.number) for finding in (await self.audit.verify(heads)).findings]
