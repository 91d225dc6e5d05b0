"""What many workers need: a fair line, what is under way, duties of one process, and parked turns.

It only adds, and every column has a default: workers of the version before go on while it runs and after it.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from adapters.stores.sql.migrations import steps
from adapters.stores.sql.types import UtcTime

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

_names = sa.MetaData(naming_convention={"pk": "pk_%(table_name)s"})
_duties = sa.Table(
    "duties",
    _names,
    sa.Column("name", sa.String(), nullable=False),
    sa.Column("holder", sa.String(), nullable=False),
    sa.Column("ends", UtcTime(), nullable=False),
    sa.PrimaryKeyConstraint("name"),
)


def upgrade() -> None:
    """Add them."""
    conversations = sa.Table(
        "conversations",
        sa.MetaData(),
        sa.Column("needs_model", sa.Boolean(), server_default=sa.true(), nullable=False),
        sa.Column("took_over", sa.Boolean(), server_default=sa.false(), nullable=False),
    )
    turns = sa.Table("turns", sa.MetaData(), sa.Column("retried_at", UtcTime(), nullable=True))
    with steps.one_by_one():
        steps.add_columns(conversations)
        steps.add_columns(turns)
        steps.create_table(_duties)
        for index in _indexes():
            steps.create_index(index)


def _indexes() -> list[sa.Index]:
    """On columns of the tables as they are by then."""
    words = ("needs_model", "workspace", "platform", "waiting_since", "not_before", "lease_ends")
    conversations = sa.Table("conversations", sa.MetaData(), *(sa.Column(word) for word in words))
    answers = sa.Table("answers", sa.MetaData(), sa.Column("turn_id"))
    return [
        _index("ix_conversations_free", conversations, words[:5], "waiting_since IS NOT NULL AND lease_ends IS NULL"),
        _index(
            "ix_conversations_leased", conversations, ("workspace", "platform", "lease_ends"), "lease_ends IS NOT NULL"
        ),
        _index("ix_answers_parked", answers, ("turn_id",), "kind = 'parked'"),
    ]


def _index(name: str, table: sa.Table, columns: tuple[str, ...], where: str) -> sa.Index:
    only = sa.text(where)
    return sa.Index(
        name,
        *(table.c[column] for column in columns),
        sqlite_where=only,
        postgresql_where=only,
        postgresql_concurrently=True,
    )


def downgrade() -> None:
    """Undo it."""
    for index in ("ix_answers_parked", "ix_conversations_leased", "ix_conversations_free"):
        op.execute(f"DROP INDEX {index}")
    op.drop_table("duties")
    op.drop_column("turns", "retried_at")
    op.drop_column("conversations", "took_over")
    op.drop_column("conversations", "needs_model")
