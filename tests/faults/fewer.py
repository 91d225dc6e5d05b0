"""A smaller crowd beside a large one."""

from __future__ import annotations

from tests.faults.load import Size


def fewer(size: Size) -> Size:
    """As many as Slack's pace lets be answered while Telegram's people of this size are."""
    return Size(max(1, size.people // 20), max(1, size.each // 3), size.seconds)
