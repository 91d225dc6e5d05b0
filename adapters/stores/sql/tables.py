"""Every table. Names are the glossary's; keys begin with the conversation or the workspace."""

from __future__ import annotations

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
    text,
)

from adapters.stores.sql.types import UtcTime, in_seconds

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
    # When the oldest turn arrived that is not over; empty where none waits. The claim reads nothing else.
    Column("waiting_since", UtcTime),
    Column("not_before", UtcTime),
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
    UniqueConstraint("conversation_id", "position"),
)
_waiting = turns.c.state.in_(("open", "decided"))
Index("ix_turns_waiting", turns.c.conversation_id, turns.c.position, sqlite_where=_waiting, postgresql_where=_waiting)

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
