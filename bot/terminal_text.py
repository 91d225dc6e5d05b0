"""Text that is safe on a terminal. What models, servers and people write could speak to the terminal otherwise."""

from __future__ import annotations

import re

# Escape sequences begin with one of the control characters (C0 with DEL, C1). The others turn the direction of writing,
# so that a text reads as another one, or are line breaks to some terminals and none to others.
_UNSAFE = re.compile("[\0-\x08\x0b-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")
_LONGEST_LINE = 400


def printable(text: str) -> str:
    """The text with each character that a terminal would obey replaced by ``�``; line breaks and tabs stay.

    Carriage returns are left out: alone they would let a line write over itself. Each character is judged by itself, so
    what begins alike still begins alike afterwards.
    """
    return _UNSAFE.sub("�", text.replace("\r", ""))


def in_one_line(text: str) -> str:
    """The text on one line of bounded length, as for a report."""
    line = printable(" ".join(text.split()))
    return line if len(line) <= _LONGEST_LINE else f"{line[: _LONGEST_LINE - 1]}…"
