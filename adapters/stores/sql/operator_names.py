"""What operators may be called, and when two names are one."""

from __future__ import annotations

import re
import unicodedata

from conversation.errors import PlauschError

_LONGEST = 64
_NAME = re.compile(r"[\w.@+-]+( [\w.@+-]+)*")


class NameUnfit(PlauschError):
    """The name is empty, too long, or has signs that would let it look like another."""


def fit(name: str) -> str:
    """The name as it is kept. Raises ``NameUnfit``."""
    name = unicodedata.normalize("NFKC", name).strip()
    if len(name) > _LONGEST or not _NAME.fullmatch(name):
        raise NameUnfit(f"letters, digits and . @ + - _, with single spaces between, {_LONGEST} at most")
    return name


def folded(name: str) -> str:
    """The name as it is compared."""
    return unicodedata.normalize("NFKC", name).strip().casefold().replace("\0", "")
