"""The dashboard's operators, their sign-ins, and the audit log. It only adds tables."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from adapters.stores.sql.migrations import steps
from adapters.stores.sql.types import UtcTime, in_seconds

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

_names = sa.MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
    }
)


def _operator() -> sa.Column[str]:
    column = sa.ForeignKey("operators.id", ondelete="CASCADE")
    return sa.Column("operator_id", sa.Uuid(as_uuid=False), column, nullable=False)


_tables = (
    sa.Table(
        "operators",
        _names,
        sa.Column("id", sa.Uuid(as_uuid=False), primary_key=True),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("folded", sa.String(), nullable=False, unique=True),
        sa.Column("role", sa.String(), nullable=False),
        sa.Column("workspaces", sa.JSON(none_as_null=True)),
        sa.Column("password", sa.String()),
        sa.Column("locale", sa.String()),
        sa.Column("zone", sa.String()),
        sa.Column("created_at", UtcTime(), nullable=False, server_default=in_seconds()),
    ),
    sa.Table(
        "operator_links",
        _names,
        sa.Column("digest", sa.String(), primary_key=True),
        _operator(),
        sa.Column("purpose", sa.String(), nullable=False),
        sa.Column("ends", UtcTime(), nullable=False),
    ),
    sa.Table(
        "sign_ins",
        _names,
        sa.Column("id", sa.Uuid(as_uuid=False), primary_key=True),
        sa.Column("digest", sa.String(), unique=True),
        _operator(),
        sa.Column("browser", sa.String(), nullable=False),
        sa.Column("address", sa.String(), nullable=False),
        sa.Column("began_at", UtcTime(), nullable=False, server_default=in_seconds()),
        sa.Column("seen_at", UtcTime(), nullable=False, server_default=in_seconds()),
        sa.Column("ended_at", UtcTime()),
    ),
    sa.Table(
        "sign_in_failures",
        _names,
        sa.Column("digest", sa.String(), primary_key=True),
        sa.Column("count", sa.Integer(), nullable=False),
        sa.Column("newest_at", UtcTime(), nullable=False),
    ),
    sa.Table(
        "audit_entries",
        _names,
        sa.Column(
            "number", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), primary_key=True, autoincrement=False
        ),
        sa.Column("at", UtcTime(), nullable=False),
        sa.Column("operator_id", sa.Uuid(as_uuid=False)),
        sa.Column("action", sa.String(), nullable=False),
        sa.Column("subject", sa.String(), nullable=False, server_default=""),
        sa.Column("detail", sa.Text()),
        sa.Column("salt", sa.String()),
        sa.Column("detail_digest", sa.String(), nullable=False),
        sa.Column("digest", sa.String(), nullable=False),
    ),
)
_INDEXES = (
    ("operator_links", "operator_id"),
    ("sign_ins", "operator_id", "began_at"),
    ("audit_entries", "operator_id", "number"),
    ("audit_entries", "action", "number"),
    ("audit_entries", "at", "number"),
)


def upgrade() -> None:
    """Add them."""
    with steps.one_by_one():
        for table in _tables:
            steps.create_table(table)
        for name, *columns in _INDEXES:
            of_table = [_names.tables[name].c[column] for column in columns]
            steps.create_index(sa.Index(f"ix_{name}_{'_'.join(columns)}", *of_table, postgresql_concurrently=True))


def downgrade() -> None:
    """Undo it."""
    for table in reversed(_tables):
        op.drop_table(table.name)
