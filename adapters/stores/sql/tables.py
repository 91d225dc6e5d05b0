"""Every table. Names are the glossary's; keys begin with the conversation or the workspace."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sqlalchemy import (
    JSON,
    Boolean,
    Column,
    ForeignKey,
    Index,
    Integer,
    MetaData,
    String,
    Table,
    Text,
    UniqueConstraint,
    Uuid,
    and_,
    false,
    func,
    literal_column,
    select,
    text,
    true,
)

from adapters.stores.sql.types import UtcTime, in_seconds

if TYPE_CHECKING:
    from sqlalchemy import ColumnElement, ScalarSelect

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
    }
)


def _id() -> Column[str]:
    return Column("id", Uuid(as_uuid=False), primary_key=True)


def _of(table: str, *, nullable: bool = False) -> Column[str]:
    """Refer to a row of another table."""
    name = f"{table.removesuffix('s')}_id"
    return Column(name, Uuid(as_uuid=False), ForeignKey(f"{table}.id", ondelete="CASCADE"), nullable=nullable)


conversations = Table(
    "conversations",
    metadata,
    _id(),
    Column("platform", String, nullable=False),
    Column("workspace", String, nullable=False),
    Column("channel", String, nullable=False),
    Column("thread", String, nullable=False),
    Column("direct", Boolean, nullable=False),
    Column("created_at", UtcTime, nullable=False, server_default=in_seconds()),
    Column("next_position", Integer, nullable=False, server_default=text("1")),
    # The window's first position: where it was last cut, or where the conversation was begun afresh.
    Column("since", Integer, nullable=False, server_default=text("1")),
    Column("fence", Integer, nullable=False, server_default=text("0")),
    Column("lease_owner", String),
    Column("lease_ends", UtcTime),
    # Since when the conversation stands in the line: since its first turn came, or since its last one was over. Empty
    # where no turn waits.
    Column("waiting_since", UtcTime),
    Column("not_before", UtcTime),
    # Whether the turn that is next wants the model's words; commands and notices do not.
    Column("needs_model", Boolean, nullable=False, server_default=true()),
    # Whether a claim found a lease that had run out since a turn was last over: a call of that worker may still land.
    Column("took_over", Boolean, nullable=False, server_default=false()),
    UniqueConstraint("workspace", "platform", "channel", "thread"),
)
KEY = (conversations.c.platform, conversations.c.workspace, conversations.c.channel, conversations.c.thread)
"""``ConversationKey`` in columns."""
Index(
    "ix_conversations_waiting",
    conversations.c.waiting_since,
    sqlite_where=conversations.c.waiting_since.isnot(None),
    postgresql_where=conversations.c.waiting_since.isnot(None),
)
# The line that claims are taken from, and what is under way beside it.
_free = and_(conversations.c.waiting_since.isnot(None), conversations.c.lease_ends.is_(None))
Index(
    "ix_conversations_free",
    conversations.c.needs_model,
    conversations.c.workspace,
    conversations.c.platform,
    conversations.c.waiting_since,
    conversations.c.not_before,
    sqlite_where=_free,
    postgresql_where=_free,
)
Index(
    "ix_conversations_leased",
    conversations.c.workspace,
    conversations.c.platform,
    conversations.c.lease_ends,
    sqlite_where=conversations.c.lease_ends.isnot(None),
    postgresql_where=conversations.c.lease_ends.isnot(None),
)

turns = Table(
    "turns",
    metadata,
    _id(),
    _of("conversations"),
    Column("position", Integer, nullable=False),
    Column("state", String, nullable=False),
    Column("revision", Integer, nullable=False, server_default=text("1")),
    Column("command", String),
    Column("claims", Integer, nullable=False, server_default=text("0")),
    Column("failures", Integer, nullable=False, server_default=text("0")),
    Column("reason", Text),
    Column("arrived_at", UtcTime, nullable=False),
    Column("claimed_at", UtcTime),
    Column("stop_requested_at", UtcTime),
    Column("decided_at", UtcTime),
    Column("shown_at", UtcTime),
    # When a parked turn was opened again.
    Column("retried_at", UtcTime),
    UniqueConstraint("conversation_id", "position"),
)
WAITING = turns.c.state.in_((literal_column("'open'"), literal_column("'decided'")))
"""Turns that are not over, in the index's own words: it is used for no others."""
Index("ix_turns_waiting", turns.c.conversation_id, turns.c.position, sqlite_where=WAITING, postgresql_where=WAITING)

messages = Table(
    "messages",
    metadata,
    _id(),
    _of("conversations"),
    _of("turns", nullable=True),
    Column("workspace", String, nullable=False),
    Column("platform", String, nullable=False),
    Column("identity", String, nullable=False),
    Column("edit", String, nullable=False, server_default=""),
    Column("native_id", String, nullable=False, server_default=""),
    Column("author_id", String, nullable=False),
    Column("author_name", String),
    Column("author_locale", String),
    Column("author_is_bot", Boolean, nullable=False),
    Column("text", Text, nullable=False),
    Column("mentions", JSON, nullable=False),
    Column("attachments", JSON, nullable=False),
    Column("direct", Boolean, nullable=False),
    Column("mentioned", Boolean, nullable=False),
    Column("sent_at", UtcTime, nullable=False),
    Column("stored_at", UtcTime, nullable=False, server_default=in_seconds()),
    # One message, however often and under however many events it is delivered (I2).
    UniqueConstraint("workspace", "platform", "identity", "edit"),
)
Index("ix_messages_turn_id", messages.c.turn_id)
Index("ix_messages_conversation_id", messages.c.conversation_id)

answers = Table(
    "answers",
    metadata,
    _id(),
    _of("conversations"),
    _of("turns"),
    Column("revision", Integer, nullable=False),
    Column("kind", String, nullable=False),
    Column("text", Text, nullable=False),
    # The service's own lines above and below, as shown; they never enter a prompt (I5).
    Column("lead", Text, nullable=False),
    Column("trail", Text, nullable=False),
    Column("model", String, nullable=False),
    Column("profile", String, nullable=False),
    Column("system_prompt", Text, nullable=False),
    Column("sampling", JSON, nullable=False),
    Column("prompt_digest", String, nullable=False),
    Column("cut", Integer, nullable=False),
    Column("prompt_tokens", Integer),
    Column("answer_tokens", Integer),
    Column("finish", String),
    Column("attempts", Integer, nullable=False),
    Column("claimed_at", UtcTime),
    Column("requested_at", UtcTime),
    Column("first_token_at", UtcTime),
    Column("last_token_at", UtcTime),
    Column("decided_at", UtcTime, nullable=False, server_default=in_seconds()),
    UniqueConstraint("turn_id", "revision"),
)
_parked = answers.c.kind == "parked"
Index("ix_answers_parked", answers.c.turn_id, sqlite_where=_parked, postgresql_where=_parked)

sends = Table(
    "sends",
    metadata,
    _id(),
    _of("conversations"),
    _of("turns"),
    Column("revision", Integer, nullable=False),
    Column("part", Integer, nullable=False),
    Column("state", String, nullable=False),
    Column("message_id", String, nullable=False, server_default=""),
    Column("created_at", UtcTime, nullable=False, server_default=in_seconds()),
)
Index("ix_sends_turn_id", sends.c.turn_id)

unreadable = Table(
    "unreadable",
    metadata,
    _id(),
    Column("workspace", String, nullable=False),
    Column("platform", String, nullable=False),
    Column("digest", String, nullable=False),
    Column("raw", Text, nullable=False),
    Column("reason", Text, nullable=False),
    Column("received_at", UtcTime, nullable=False, server_default=in_seconds()),
    UniqueConstraint("workspace", "platform", "digest"),
)

people = Table(
    "people",
    metadata,
    _id(),
    Column("workspace", String, nullable=False),
    Column("platform", String, nullable=False),
    Column("person", String, nullable=False),
    Column("name", String),
    Column("locale", String),
    Column("asked_at", UtcTime),
    # When an answer to this person first carried the notice that this is an AI.
    Column("greeted_at", UtcTime),
    UniqueConstraint("workspace", "platform", "person"),
)

service_keys = Table(
    "service_keys",
    metadata,
    Column("name", String, primary_key=True),
    Column("value", String, nullable=False),
)

# What one process of many does, and until when it is the one.
duties = Table(
    "duties",
    metadata,
    Column("name", String, primary_key=True),
    Column("holder", String, nullable=False),
    Column("ends", UtcTime, nullable=False),
)


def next_turn(column: ColumnElement[Any], *more: ColumnElement[bool]) -> ScalarSelect[Any]:
    """Something of the turn that is next in the conversation at hand; empty where none waits."""
    waits = select(column).where(turns.c.conversation_id == conversations.c.id, WAITING, *more)
    return waits.order_by(turns.c.position).limit(1).correlate(conversations).scalar_subquery()


NEXT_NEEDS_MODEL = func.coalesce(next_turn(turns.c.command.is_(None)), true())
"""What ``conversations.needs_model`` has to be."""
