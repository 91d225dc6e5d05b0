"""The chain of the audit log: what the digest of an entry is made of."""

from __future__ import annotations

import hashlib
import json
import uuid
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

FIRST = "0" * 64
"""What stands before the first entry."""
# JSON says where each part ends: nothing can be moved from one into the next. What no text is can only be a forgery.
_encoded = json.JSONEncoder(separators=(",", ":"), default=repr).encode


@dataclass(frozen=True, slots=True)
class Link:
    """An entry as its digest sees it, whatever the database makes of times and ids."""

    number: int
    at: str
    operator_id: str | None
    action: str
    subject: str
    detail_digest: str
    digest: str = field(default="", compare=False)
    """As it is stored."""

    def follows(self, before: str, number: int | None = None) -> str:
        """The digest that it has after the entry with the digest ``before``, there under this number."""
        number = self.number if number is None else number
        return _sha256(before, number, self.at, self.operator_id, self.action, self.subject, self.detail_digest)


def digest_of_detail(salt: str, detail: str) -> str:
    """What stays when both are erased. Without the salt nobody can find the detail by trying words."""
    return _sha256(salt, detail)


def is_genuine(salt: object, detail: object, digest: str) -> bool:
    """Whether this is the detail that was noted, or both were erased."""
    if salt is None or detail is None:
        return salt is detail
    return _sha256(salt, detail) == digest


def one_time(at: Any) -> str:
    """The instant in UTC, to the microsecond. SQLite, whose columns take anything, holds it as a text."""
    try:
        instant = at if isinstance(at, datetime) else datetime.fromisoformat(at).replace(tzinfo=UTC)
        return instant.astimezone(UTC).isoformat(timespec="microseconds")
    except (TypeError, ValueError, OverflowError):
        return repr(at)


def one_id(operator_id: Any) -> str | None:
    """The id in lower case with hyphens."""
    try:
        return None if operator_id is None else str(uuid.UUID(str(operator_id)))
    except ValueError:
        return repr(operator_id)


def _sha256(*parts: object) -> str:
    return hashlib.sha256(_encoded(parts).encode("ascii")).hexdigest()
