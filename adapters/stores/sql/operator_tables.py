"""The tables behind the dashboard: who may read, by which session, and what was done."""

from __future__ import annotations

from sqlalchemy import JSON, BigInteger, Column, ForeignKey, Index, Integer, String, Table, Text, Uuid

from adapters.stores.sql.tables import metadata
from adapters.stores.sql.types import UtcTime, in_seconds


def _operator() -> Column[str]:
    return Column("operator_id", Uuid(as_uuid=False), ForeignKey("operators.id", ondelete="CASCADE"), nullable=False)


operators = Table(
    "operators",
    metadata,
    Column("id", Uuid(as_uuid=False), primary_key=True),
    Column("name", String, nullable=False),
    # The name as it is compared: case folded. Nobody may look like somebody else.
    Column("folded", String, nullable=False, unique=True),
    Column("role", String, nullable=False),
    # [[platform, workspace], …]; NULL: all of them.
    Column("workspaces", JSON(none_as_null=True)),
    # argon2id; NULL until the invitation was used.
    Column("password", String),
    Column("locale", String),
    Column("zone", String),
    Column("created_at", UtcTime, nullable=False, server_default=in_seconds()),
)

operator_links = Table(
    "operator_links",
    metadata,
    # SHA-256 of the token, which is stored nowhere.
    Column("digest", String, primary_key=True),
    _operator(),
    Column("purpose", String, nullable=False),
    Column("ends", UtcTime, nullable=False),
)
Index("ix_operator_links_operator_id", operator_links.c.operator_id)

sign_ins = Table(
    "sign_ins",
    metadata,
    Column("id", Uuid(as_uuid=False), primary_key=True),
    # SHA-256 of the cookie's secret, as above; NULL once it is over.
    Column("digest", String, unique=True),
    _operator(),
    Column("browser", String, nullable=False),
    Column("address", String, nullable=False),
    Column("began_at", UtcTime, nullable=False, server_default=in_seconds()),
    Column("seen_at", UtcTime, nullable=False, server_default=in_seconds()),
    Column("ended_at", UtcTime),
)
Index("ix_sign_ins_operator_id_began_at", sign_ins.c.operator_id, sign_ins.c.began_at)

# Failed sign-ins by name and by address, both as digests: names that nobody has are counted like all others.
sign_in_failures = Table(
    "sign_in_failures",
    metadata,
    Column("digest", String, primary_key=True),
    Column("count", Integer, nullable=False),
    Column("newest_at", UtcTime, nullable=False),
)

audit_entries = Table(
    "audit_entries",
    metadata,
    Column("number", BigInteger().with_variant(Integer, "sqlite"), primary_key=True, autoincrement=False),
    Column("at", UtcTime, nullable=False),
    # No reference: the entry outlives the operator. NULL: the command line.
    Column("operator_id", Uuid(as_uuid=False)),
    Column("action", String, nullable=False),
    Column("subject", String, nullable=False, server_default=""),
    # What may hold somebody's name: a search's words, a reason. Both are NULL once it was erased; the digest stays.
    Column("detail", Text),
    Column("salt", String),
    Column("detail_digest", String, nullable=False),
    # SHA-256 over the digest of the entry before, and all of this one but detail and salt.
    Column("digest", String, nullable=False),
)
Index("ix_audit_entries_operator_id_number", audit_entries.c.operator_id, audit_entries.c.number)
Index("ix_audit_entries_action_number", audit_entries.c.action, audit_entries.c.number)
Index("ix_audit_entries_at_number", audit_entries.c.at, audit_entries.c.number)
