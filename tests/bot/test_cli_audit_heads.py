"""Which lines of the service's log tell a head of the audit log's chain."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.stores.sql.audit_walk import Head
from bot.cli_audit import head_in

DIGEST = "0123456789abcdef" * 4
TOLD = {"event": "audit", "logger": "adapters.stores.sql.audit", "number": 7, "digest": DIGEST}
LINE = (
    f"2026-01-02T03:04:05Z [info     ] audit                          [adapters.stores.sql.audit] digest={DIGEST}"
    " number=7"
)


@pytest.mark.parametrize(
    "line",
    [
        json.dumps(TOLD),
        f"plausch-1  | {json.dumps(TOLD)}\n",
        LINE,
        f"Jan 02 03:04:05 host plausch[7]: {LINE}\r\n",
        LINE.replace("audit ", "\x1b[1maudit\x1b[0m ", 1).replace("number", "\x1b[36mnumber\x1b[0m"),
    ],
)
def test_a_head_is_read_whatever_stands_before_it(line: str) -> None:
    assert head_in(line) == Head(7, DIGEST)


@pytest.mark.parametrize(
    "line",
    [
        json.dumps(TOLD | {"logger": "bot.web"}),
        json.dumps(TOLD | {"event": "something"}),
        json.dumps(TOLD | {"number": "7"}),
        json.dumps(TOLD | {"number": True}),
        json.dumps(TOLD | {"digest": DIGEST[1:]}),
        json.dumps({"event": "asked", "logger": "bot.web", "name": json.dumps(TOLD)}),
        f"2026-01-02T03:04:05Z [info     ] asked [bot.web] name='{LINE}'",
        "[" * 100_000,
        "{" * 100_000,
    ],
)
def test_nothing_else_is_taken_for_a_head(line: str) -> None:
    assert head_in(line) is None


@given(st.text())
def test_no_line_stops_the_reading(line: str) -> None:
    assert head_in(line) is None
