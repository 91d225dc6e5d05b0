"""Rows to the core's words and back."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any, TypeAlias

from conversation.generation import FinishReason
from conversation.messages import Attachment, Author, ConversationKey, Mention, Message
from conversation.turns import Ending, EndingKind, Record

if TYPE_CHECKING:
    from sqlalchemy import Row

    from conversation.turns import Claim

AnyRow: TypeAlias = "Row[*tuple[Any, ...]]"

_RECORD_COLUMNS = (
    "model",
    "profile",
    "system_prompt",
    "sampling",
    "prompt_digest",
    "cut",
    "prompt_tokens",
    "answer_tokens",
    "finish",
    "attempts",
    "claimed_at",
    "requested_at",
    "first_token_at",
    "last_token_at",
)


def message_values(message: Message) -> dict[str, Any]:
    """The columns of ``messages`` that the message itself tells."""
    key, author = message.conversation, message.author
    return {
        "workspace": key.workspace,
        "platform": key.platform,
        "identity": message.identity,
        "edit": message.edit,
        "native_id": message.native_id,
        "author_id": author.id,
        "author_name": author.name,
        "author_locale": author.locale,
        "author_is_bot": author.is_bot,
        "text": message.text,
        "mentions": [[mention.start, mention.end, mention.person] for mention in message.mentions],
        "attachments": [asdict(attachment) for attachment in message.attachments],
        "direct": message.direct,
        "mentioned": message.mentioned,
        "sent_at": message.sent_at,
    }


def message_of(row: AnyRow, key: ConversationKey) -> Message:
    """The message as it was put."""
    return Message(
        conversation=key,
        identity=row.identity,
        author=Author(row.author_id, row.author_name, row.author_locale, row.author_is_bot),
        text=row.text,
        sent_at=row.sent_at,
        mentions=tuple(Mention(*mention) for mention in row.mentions),
        attachments=tuple(Attachment(**attachment) for attachment in row.attachments),
        edit=row.edit,
        direct=row.direct,
        mentioned=row.mentioned,
        addressed=row.turn_id is not None,
        native_id=row.native_id,
    )


def author_of(row: AnyRow) -> Author | None:
    """The author of a message as ``people`` knows them, beside it in the row; None: not told, and not asked yet."""
    return Author(row.author_id, row.name, row.locale) if row.name or row.asked_at else None


def ending_values(claim: Claim, ending: Ending) -> dict[str, Any]:
    """The columns of ``answers``."""
    record = {column: getattr(ending.record, column) for column in _RECORD_COLUMNS}
    return record | {
        "conversation_id": claim.conversation_id,
        "turn_id": claim.turn_id,
        "revision": claim.revision,
        "kind": ending.kind.value,
        "text": ending.text,
        "lead": ending.lead,
        "trail": ending.trail,
        "sampling": dict(ending.record.sampling),
    }


def ending_of(row: AnyRow) -> Ending:
    """The ending as it was decided."""
    record = {column: getattr(row, column) for column in _RECORD_COLUMNS}
    record["finish"] = FinishReason(row.finish) if row.finish else None
    return Ending(EndingKind(row.kind), row.text, row.lead, row.trail, Record(**record))


def key_of(room: AnyRow) -> ConversationKey:
    """The key of a row of ``conversations``."""
    return ConversationKey(room.platform, room.workspace, room.channel, room.thread)
