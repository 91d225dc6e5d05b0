"""The line that conversations wait in: the one statement that gives the next ones to a worker."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from functools import cache
from typing import TYPE_CHECKING, Any

from sqlalchemy import ARRAY, String, bindparam, text

from adapters.stores.sql.statements import prepared
from adapters.stores.sql.tables import conversations

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sqlalchemy import TextualSelect

    from adapters.stores.sql.rows import AnyRow
    from adapters.stores.sql.statements import Connection


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a worker asks for: any conversation of these platforms, those that need no model, or just one."""

    worker: str
    lease_seconds: float
    platforms: tuple[str, ...]
    conversation_id: str | None = None
    quick_only: bool = False


@dataclass(slots=True)
class Line:
    """Who is next, fair between workspaces (a workspace on its platform).

    Of those that wait, the ones with the fewest conversations under way come first; among equals it goes round, from
    the one that this process served last. Each gives one conversation before any gives its second. In a workspace, who
    waits longest is next. What needs no model comes before all that does, and whoever's lease has run out before both.
    """

    served: tuple[str, str] = field(default=("", ""))
    """The workspace and platform that were served last."""

    async def take(self, connection: Connection, wanted: Wanted, count: int) -> Sequence[AnyRow]:
        """Up to ``count`` conversations, leased to the worker. Two workers never get the same one."""
        if wanted.conversation_id is not None:
            return await self._take(connection, wanted, count, "one")
        kind = "quick" if wanted.quick_only else "any"
        rows = await self._take(connection, wanted, count, kind)
        if len(rows) < count and connection.dialect.name != "sqlite":
            # Other workers held what was next. Whatever is left waits for nobody.
            rows = [*rows, *await self._take(connection, wanted, count - len(rows), f"left {kind}")]
        if rows:
            self.served = rows[-1].workspace, rows[-1].platform
        return rows

    async def _take(self, connection: Connection, wanted: Wanted, count: int, kind: str) -> Sequence[AnyRow]:
        is_sqlite = connection.dialect.name == "sqlite"
        values: dict[str, Any] = {"worker": wanted.worker, "seconds": float(wanted.lease_seconds), "count": count}
        values["platforms"] = json.dumps(wanted.platforms) if is_sqlite else list(wanted.platforms)
        if kind == "one":
            values["id"] = wanted.conversation_id
        elif not kind.startswith("left"):
            values |= {"workspace": self.served[0], "platform": self.served[1]}
        rows: Sequence[AnyRow] = (await connection.execute(_statement(connection.dialect.name, kind), values)).all()
        return rows


_COLUMNS = [
    conversations.c[name]
    for name in ("id", "platform", "workspace", "channel", "thread", "fence", "since", "took_over")
]


@cache
def _statement(dialect: str, kind: str) -> TextualSelect:
    written = (_SQLITE if dialect == "sqlite" else _POSTGRESQL)[kind]
    binds = [bindparam("id", type_=conversations.c.id.type)] if kind == "one" else []
    if dialect != "sqlite":
        binds.append(bindparam("platforms", type_=ARRAY(String)))
    return prepared(text(written).bindparams(*binds).columns(*_COLUMNS))


_PARTS = {
    "round": "(s.workspace, s.platform) <= (:workspace, :platform), s.workspace, s.platform",
    "told": ", ".join(f"conversations.{column.name}" for column in _COLUMNS),
    "now": "(strftime('%Y-%m-%d %H:%M:%f', 'now') || '000')",
    "given": "c.platform IN (SELECT value FROM json_each(:platforms))",
}


def _fitted(statement: str, **parts: str) -> str:
    for name, part in (_PARTS | parts).items():
        statement = statement.replace(f"<{name}>", part)
    return statement


# ── PostgreSQL ───────────────────────────────────────────────────────────────────────────────────────────────────────

# Workspaces are found by leaps through the index, one for each of them, however many conversations wait in it. A few
# more candidates are looked at than are wanted, since other workers hold some of them; the row locks come last, in the
# order of the line, so that nothing is locked that is not taken.
_FAIR_POSTGRESQL = """
WITH RECURSIVE space AS (
    (SELECT c.needs_model, c.workspace, c.platform FROM conversations c
      WHERE c.waiting_since IS NOT NULL AND c.lease_ends IS NULL <quick>
      ORDER BY c.needs_model, c.workspace, c.platform LIMIT 1)
    UNION ALL
    SELECT n.needs_model, n.workspace, n.platform FROM space s CROSS JOIN LATERAL (
        SELECT c.needs_model, c.workspace, c.platform FROM conversations c
         WHERE c.waiting_since IS NOT NULL AND c.lease_ends IS NULL <quick>
           AND (c.needs_model, c.workspace, c.platform) > (s.needs_model, s.workspace, s.platform)
         ORDER BY c.needs_model, c.workspace, c.platform LIMIT 1) n
), busy AS (
    SELECT workspace, platform, count(*) AS many FROM conversations
     WHERE lease_ends >= statement_timestamp() GROUP BY workspace, platform
), near AS (
    SELECT s.needs_model, s.workspace, s.platform, coalesce(b.many, 0) AS many,
           row_number() OVER (ORDER BY <round>) AS turn
      FROM space s LEFT JOIN busy b ON b.workspace = s.workspace AND b.platform = s.platform
     WHERE s.platform = ANY(:platforms)
     ORDER BY s.needs_model, many, turn LIMIT CAST(:count AS integer) + 16
), candidate AS (
    SELECT f.id, s.needs_model, s.many + row_number() OVER (PARTITION BY s.needs_model, s.turn ORDER BY f.waiting_since)
           AS rank, s.turn
      FROM near s CROSS JOIN LATERAL (
        SELECT c.id, c.waiting_since FROM conversations c
         WHERE c.waiting_since IS NOT NULL AND c.lease_ends IS NULL
           AND c.needs_model = s.needs_model AND c.workspace = s.workspace AND c.platform = s.platform
           AND (c.not_before IS NULL OR c.not_before <= statement_timestamp())
         ORDER BY c.waiting_since LIMIT CAST(:count AS integer) + 8) f
    UNION ALL
    SELECT c.id, false, 0, 0 FROM conversations c WHERE c.lease_ends < statement_timestamp()
       AND c.waiting_since IS NOT NULL AND c.platform = ANY(:platforms) <quick>
), chosen AS (
    SELECT c.id FROM candidate k JOIN conversations c ON c.id = k.id
     WHERE <free> <quick>
     ORDER BY k.needs_model, k.rank, k.turn LIMIT CAST(:count AS integer) FOR UPDATE OF c SKIP LOCKED
)"""
_FREE_POSTGRESQL = """c.waiting_since IS NOT NULL AND c.platform = ANY(:platforms)
       AND (c.lease_ends IS NULL OR c.lease_ends < statement_timestamp())
       AND (c.not_before IS NULL OR c.not_before <= statement_timestamp())"""
_LEFT_POSTGRESQL = """
WITH chosen AS (
    SELECT c.id FROM conversations c WHERE <free> <which>
     ORDER BY c.waiting_since LIMIT CAST(:count AS integer) FOR UPDATE SKIP LOCKED
)"""
_TAKE_POSTGRESQL = """
UPDATE conversations
   SET took_over = (took_over OR conversations.lease_ends IS NOT NULL), fence = fence + 1,
       lease_owner = :worker, not_before = NULL,
       lease_ends = clock_timestamp() + make_interval(secs => CAST(:seconds AS double precision))
  FROM chosen WHERE conversations.id = chosen.id RETURNING <told>"""


def _postgresql(statement: str, quick: str, which: str = "") -> str:
    return _fitted(statement + _TAKE_POSTGRESQL, quick=quick, which=which, free=_FREE_POSTGRESQL)


_QUICK = "AND NOT c.needs_model"
_POSTGRESQL = {
    "any": _postgresql(_FAIR_POSTGRESQL, ""),
    "quick": _postgresql(_FAIR_POSTGRESQL, _QUICK),
    "left any": _postgresql(_LEFT_POSTGRESQL, ""),
    "left quick": _postgresql(_LEFT_POSTGRESQL, "", _QUICK),
    "one": _postgresql(_LEFT_POSTGRESQL, "", "AND c.id = :id"),
}

# ── SQLite ───────────────────────────────────────────────────────────────────────────────────────────────────────────

# One scan of the index finds the workspaces, faster than leaps; the index holds all that it reads.
_FAIR_SQLITE = """
WITH space AS MATERIALIZED (
    SELECT c.needs_model, c.workspace, c.platform FROM conversations c
     WHERE c.waiting_since IS NOT NULL AND c.lease_ends IS NULL <quick>
       AND (c.not_before IS NULL OR c.not_before <= <now>)
       AND <given>
     GROUP BY c.needs_model, c.workspace, c.platform
), busy AS MATERIALIZED (
    SELECT workspace, platform, count(*) AS many FROM conversations
     WHERE lease_ends IS NOT NULL AND lease_ends >= <now> GROUP BY workspace, platform
), near AS MATERIALIZED (
    SELECT s.needs_model, s.workspace, s.platform, coalesce(b.many, 0) AS many,
           row_number() OVER (ORDER BY <round>) AS turn
      FROM space s LEFT JOIN busy b ON b.workspace = s.workspace AND b.platform = s.platform
     ORDER BY s.needs_model, many, turn LIMIT :count
), candidate AS (
    SELECT c.id, s.needs_model, s.many + row_number() OVER (PARTITION BY s.needs_model, s.turn ORDER BY c.waiting_since)
           AS rank, s.turn
      FROM near s JOIN conversations c ON c.rowid IN (
        SELECT f.rowid FROM conversations f
         WHERE f.waiting_since IS NOT NULL AND f.lease_ends IS NULL
           AND f.needs_model = s.needs_model AND f.workspace = s.workspace AND f.platform = s.platform
           AND (f.not_before IS NULL OR f.not_before <= <now>)
         ORDER BY f.waiting_since LIMIT :count)
    UNION ALL
    SELECT c.id, 0, 0, 0 FROM conversations c WHERE c.lease_ends IS NOT NULL AND c.lease_ends < <now>
       AND c.waiting_since IS NOT NULL AND (c.not_before IS NULL OR c.not_before <= <now>)
       AND <given> <quick>
)
UPDATE conversations <taken>
 WHERE id IN (SELECT id FROM candidate ORDER BY needs_model, rank, turn LIMIT :count) RETURNING <told>"""
_ONE_SQLITE = """
UPDATE conversations AS c <taken>
 WHERE c.id = :id AND c.waiting_since IS NOT NULL AND <given> AND (c.lease_ends IS NULL OR c.lease_ends < <now>)
   AND (c.not_before IS NULL OR c.not_before <= <now>) AND :count RETURNING <told>"""
_TAKEN_SQLITE = """
   SET took_over = (took_over OR lease_ends IS NOT NULL), fence = fence + 1,
       lease_owner = :worker, not_before = NULL,
       lease_ends = strftime('%Y-%m-%d %H:%M:%f', 'now', :seconds || ' seconds') || '000'"""
_SQLITE = {
    "any": _fitted(_FAIR_SQLITE, quick="", taken=_TAKEN_SQLITE),
    "quick": _fitted(_FAIR_SQLITE, quick=_QUICK, taken=_TAKEN_SQLITE),
    "one": _fitted(_ONE_SQLITE, taken=_TAKEN_SQLITE, told=", ".join(column.name for column in _COLUMNS)),
}
