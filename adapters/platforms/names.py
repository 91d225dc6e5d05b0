"""Names that people choose, for themselves and for their files: shown in one line, and nothing in them is invisible."""

from __future__ import annotations

import unicodedata

LONGEST = 120


def clean(name: object) -> str:
    """A name without line breaks and without characters that can't be seen or turn the writing direction.

    "" where it is no text.
    """
    if not isinstance(name, str):
        return ""
    seen = (" " if character.isspace() else character for character in name[: 8 * LONGEST])
    return " ".join("".join(c for c in seen if not unicodedata.category(c).startswith("C")).split())[:LONGEST]
