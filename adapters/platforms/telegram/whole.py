"""Whole numbers as Telegram counts: of 64 bits. JSON has others, which fit no column and no call."""

from __future__ import annotations


def whole(value: object) -> int | None:
    """The number, or None where it is none of these. JSON's true is no 1."""
    return value if type(value) is int and -(1 << 63) <= value < 1 << 63 else None
