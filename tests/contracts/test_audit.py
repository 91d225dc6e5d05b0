"""What the audit log promises: a dense chain, whoever writes to it, and details that can be erased."""

from __future__ import annotations

import asyncio
import itertools
import json
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest
import structlog
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from adapters.stores.sql.audit import Action, Deed, Page, SqlAudit, note, told
from adapters.stores.sql.audit_chain import FIRST, digest_of_detail, is_genuine
from adapters.stores.sql.audit_walk import Head
from adapters.stores.sql.types import new_id
from conversation.messages import storable
from tests.support.databases import opened

if TYPE_CHECKING:
    from collections.abc import Sequence

    from adapters.stores.sql.database import Database
    from tests.support.databases import Rows

ANNA, BERND = new_id(), new_id()
READ = Deed(Action.AUDIT_READ, ANNA, "a page", "Wer hat Zugang?")
texts = st.text(st.characters(), max_size=30)
deeds = st.builds(Deed, st.sampled_from(Action), st.none() | st.uuids().map(str), texts, texts)


@pytest.fixture
def audit(database: Database) -> SqlAudit:
    return SqlAudit(database)


def numbers(page: Page) -> list[int]:
    return [entry.number for entry in page.entries]


# ── noting ───────────────────────────────────────────────────────────────────────────────────────────────────────────


async def test_an_empty_log_is_whole(audit: SqlAudit) -> None:
    verdict = await audit.verify()

    assert (verdict.whole, verdict.entries, verdict.began, verdict.agreed) == (True, 0, None, 0)
    assert await audit.entries() == Page([], more=False)


async def test_entries_are_numbered_from_1_and_say_who_did_what_when(audit: SqlAudit) -> None:
    began = datetime.now(UTC)
    first = await audit.note(READ, Deed(Action.OPERATOR_ADDED, None, BERND))
    second = await audit.note(Deed(Action.SIGNED_OUT, ANNA))

    page = await audit.entries()

    assert page.entries == [*second, *reversed(first)]
    assert not page.more
    assert [(one.number, one.operator_id, one.action, one.subject, one.detail) for one in reversed(page.entries)] == [
        (1, ANNA, "audit_read", "a page", "Wer hat Zugang?"),
        (2, None, "operator_added", BERND, ""),
        (3, ANNA, "signed_out", "", ""),
    ]
    assert all(abs(entry.at - began) < timedelta(seconds=60) for entry in page.entries)


async def test_noting_nothing_changes_nothing(audit: SqlAudit) -> None:
    assert await audit.note() == []
    assert await audit.entries() == Page([], more=False)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(noted=st.lists(deeds, min_size=1, max_size=4))
async def test_whatever_is_noted_comes_back_and_the_chain_holds(audit: SqlAudit, noted: list[Deed]) -> None:
    entries = await audit.note(*noted)

    page = await audit.entries(limit=len(noted))
    assert page.entries == entries[::-1]
    assert [(one.subject, one.detail) for one in entries] == [
        (storable(deed.subject), storable(deed.detail)) for deed in noted
    ]
    verdict = await audit.verify([Head(one.number, one.digest) for one in entries])
    assert (verdict.findings, verdict.agreed, verdict.entries) == ((), len(noted), entries[-1].number)


async def test_nobody_is_noted_who_can_be_no_operator(audit: SqlAudit) -> None:
    with pytest.raises(ValueError, match="UUID"):
        await audit.note(Deed(Action.SIGNED_IN, "anna"))


async def test_an_entry_belongs_to_the_transaction_of_what_it_tells(database: Database, audit: SqlAudit) -> None:
    async def note_in_vain() -> None:
        async with database.writing() as connection:
            await note(connection, READ)
            raise LookupError

    with pytest.raises(LookupError):
        await note_in_vain()
    assert await audit.entries() == Page([], more=False)

    async with database.writing() as connection:
        entries = await note(connection, READ)
    assert (await audit.entries()).entries == entries


async def test_times_never_go_backwards_even_where_a_clock_does(audit: SqlAudit, rows: Rows) -> None:
    await audit.note(READ)
    await rows.change("UPDATE audit_entries SET at = '2999-01-01 00:00:00.000000'")

    (second,) = await audit.note(READ)

    assert second.at == datetime(2999, 1, 1, tzinfo=UTC)


async def test_many_who_note_at_once_make_one_chain(audit: SqlAudit, database_url: str) -> None:
    async with opened(database_url) as theirs:
        logs = [audit, SqlAudit(theirs)]
        noted = await asyncio.gather(*(logs[number % 2].note(READ, READ) for number in range(20)))

    assert sorted(entry.number for entries in noted for entry in entries) == list(range(1, 41))
    assert all(second.number == first.number + 1 for first, second in noted)
    verdict = await audit.verify([Head(entry.number, entry.digest) for entries in noted for entry in entries])
    assert (verdict.findings, verdict.entries, verdict.agreed) == ((), 40, 40)


async def test_the_newest_head_goes_to_the_services_log_once_it_is_committed(audit: SqlAudit) -> None:
    with structlog.testing.capture_logs() as lines:
        entries = await audit.note(READ, READ)
        told([])

    assert lines == [{"event": "audit", "log_level": "info", "number": 2, "digest": entries[1].digest}]


# ── reading ──────────────────────────────────────────────────────────────────────────────────────────────────────────


async def test_pages_go_on_where_the_last_one_ended(audit: SqlAudit) -> None:
    await audit.note(*[READ] * 7)

    pages, before = [], None
    while True:
        page = await audit.entries(before, 3)
        pages.append(numbers(page))
        if not page.more:
            break
        before = page.entries[-1].number

    assert pages == [[7, 6, 5], [4, 3, 2], [1]]


async def test_entries_are_found_by_action_operator_and_time(audit: SqlAudit, rows: Rows) -> None:
    who_did = itertools.product((Action.SIGNED_IN, Action.SIGNED_OUT), (ANNA, BERND, None))
    await audit.note(*(Deed(action, operator_id) for action, operator_id in who_did))
    (newest,) = await audit.note(Deed(Action.SIGNED_IN, ANNA))
    await rows.change("UPDATE audit_entries SET at = '2998-01-01 00:00:00.000000' WHERE number >= 6")

    assert numbers(await audit.entries(action="signed_in")) == [7, 3, 2, 1]
    assert numbers(await audit.entries(operator_id=ANNA)) == [7, 4, 1]
    assert numbers(await audit.entries(operator_id=ANNA.upper(), action="signed_in", before=7)) == [1]
    assert numbers(await audit.entries(since=newest.at + timedelta(days=1))) == [7, 6]
    assert numbers(await audit.entries(since=datetime(2998, 1, 1, tzinfo=UTC), operator_id=ANNA)) == [7]
    assert numbers(await audit.entries(since=datetime(2999, 1, 1, tzinfo=UTC))) == []


@pytest.mark.parametrize("before", [0, -(10**30)])
async def test_what_can_not_be_there_is_not_found(audit: SqlAudit, before: int) -> None:
    await audit.note(READ)

    assert numbers(await audit.entries(before)) == []
    assert numbers(await audit.entries(10**30)) == [1]
    assert numbers(await audit.entries(operator_id="' OR 1=1")) == []
    assert numbers(await audit.entries(action="\0")) == []


# ── erasing ──────────────────────────────────────────────────────────────────────────────────────────────────────────


async def test_an_erased_detail_leaves_no_trace_and_the_chain_holds(audit: SqlAudit, rows: Rows) -> None:
    entries = await audit.note(READ, READ, READ)

    await audit.erase_details([1, 3, 99])
    await audit.erase_details([])

    left = await rows.select("SELECT * FROM audit_entries WHERE number <> 2")
    assert len(left) == 2
    assert "Zugang" not in json.dumps([[str(value) for value in row] for row in left])
    assert await rows.select("SELECT number FROM audit_entries WHERE salt IS NULL ORDER BY number") == [(1,), (3,)]
    assert [one.detail for one in (await audit.entries()).entries] == [None, "Wer hat Zugang?", None]
    verdict = await audit.verify([Head(one.number, one.digest) for one in entries])
    assert (verdict.findings, verdict.agreed) == ((), 3)


@given(texts, texts, texts, texts)
def test_no_two_details_have_one_digest(salt: str, detail: str, other_salt: str, other: str) -> None:
    assert (digest_of_detail(salt, detail) == digest_of_detail(other_salt, other)) == (
        (salt, detail) == (other_salt, other)
    )
    assert not is_genuine(None, detail, digest_of_detail(salt, detail))
    assert not is_genuine(salt, None, digest_of_detail(salt, detail))


async def test_the_same_deed_twice_has_two_digests(audit: SqlAudit, rows: Rows) -> None:
    await audit.note(READ, READ)

    digests: Sequence[tuple[str, str]] = await rows.select("SELECT detail_digest, digest FROM audit_entries")
    assert len({digest for row in digests for digest in row} | {FIRST}) == 5
