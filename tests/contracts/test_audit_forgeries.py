"""Whoever changes the audit log behind the service's back is found, and each forgery is named once."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from adapters.stores.sql import audit as audit_module
from adapters.stores.sql.audit_walk import MOST
from tests.support.audit_log import Log

if TYPE_CHECKING:
    from adapters.stores.sql.database import Database
    from tests.support.databases import Rows

SAYS = "UPDATE audit_entries SET subject = 'a lie' WHERE number = 3"
GOES = "DELETE FROM audit_entries WHERE number = 3"
CLOSE = "UPDATE audit_entries SET number = number - 1 WHERE number > 3"


@pytest.fixture
async def log(database: Database, rows: Rows) -> Log:
    made = Log(database, rows)
    await made.note(10)
    return made


# ── changed ──────────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    "change",
    [
        "subject = 'a lie'",
        "action = 'signed_out'",
        "operator_id = NULL",
        "at = '2001-01-01 00:00:00.000000'",
        "detail = 'a lie', salt = 'salt', detail_digest = 'digest'",
    ],
)
async def test_a_changed_entry_is_named(log: Log, change: str) -> None:
    await log.forge(f"UPDATE audit_entries SET {change} WHERE number = 3")  # noqa: S608 - from above

    (finding,) = (await log.audit.verify(log.heads())).findings
    assert (finding.kind, finding.number) == ("changed", 3)
    assert await log.found() == [("changed", 3)]


async def test_what_can_not_be_told_is_not_told(log: Log) -> None:
    await log.forge(SAYS)

    assert await log.words() == ["Entry 3 was changed, or else entry 2 together with its digest."]
    assert await log.words(log.heads(2)) == ["Entry 3 was changed."]

    await log.rewrite(3, 3)
    assert await log.words() == ["Entry 4 was changed, or else entry 3 together with its digest."]
    assert await log.words(log.heads(3)) == ["Entry 3 was changed."]
    await log.rewrite(3, 5)
    assert await log.words(log.heads()) == ["Entries 3 to 5 were changed."]


@pytest.mark.parametrize("change", ["detail = 'a lie'", "detail = NULL", "salt = NULL", "salt = 'x'"])
async def test_a_changed_detail_is_named(log: Log, change: str) -> None:
    await log.forge(f"UPDATE audit_entries SET {change} WHERE number = 3")  # noqa: S608 - from above

    assert await log.words(log.heads()) == ["The detail of entry 3 was changed."]


async def test_a_changed_digest_is_named(log: Log) -> None:
    await log.forge("UPDATE audit_entries SET digest = 'x' WHERE number = 3")

    assert await log.words() == ["The digest of entry 3 was changed."]
    assert await log.found(log.heads()) == [("changed", 3)]


async def test_the_first_and_the_last_entry_are_no_exceptions(log: Log) -> None:
    await log.forge("UPDATE audit_entries SET subject = 'a lie' WHERE number IN (1, 10)")

    assert await log.found() == [("changed", 1), ("changed", 10)]


async def test_changes_side_by_side_are_one_finding_and_others_their_own(log: Log) -> None:
    await log.forge("UPDATE audit_entries SET subject = 'a lie' WHERE number IN (3, 4, 5, 8)")

    assert (await log.words(log.heads())) == ["Entries 3 to 5 were changed.", "Entry 8 was changed."]


# ── removed ──────────────────────────────────────────────────────────────────────────────────────────────────────────


async def test_removed_entries_are_named(log: Log) -> None:
    await log.forge("DELETE FROM audit_entries WHERE number IN (1, 4, 5)")

    assert await log.words() == [
        "Entry 1 was removed. Whether entry 2 was changed can't be told.",
        "Entries 4 to 5 were removed. Whether entry 6 was changed can't be told.",
    ]
    assert await log.words(log.heads()) == ["Entry 1 was removed.", "Entries 4 to 5 were removed."]


async def test_a_removed_entry_is_named_even_where_later_ones_took_its_number(log: Log) -> None:
    await log.forge(GOES, CLOSE)
    await log.note(3)  # the service goes on from what it finds

    assert await log.words() == ["Entry 3 was removed. Those after it were numbered anew."]
    assert await log.found(log.heads()) == [("removed", 3)]


async def test_several_that_were_removed_so_are_named(log: Log) -> None:
    await log.forge(
        "DELETE FROM audit_entries WHERE number IN (3, 4)",
        "UPDATE audit_entries SET number = number - 2 WHERE number > 4",
    )

    assert await log.words() == ["Entries 3 to 4 were removed. Those after it were numbered anew."]


# ── moved, added ─────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(("number", "other"), [(3, 7), (3, 4), (1, 10), (9, 10)])
async def test_entries_that_have_changed_places_are_named(log: Log, number: int, other: int) -> None:
    await log.exchange(number, other)

    assert await log.words() == [f"Entries {number} and {other} have changed places."]
    assert await log.found(log.heads()) == [("moved", number)]


@pytest.mark.parametrize(("number", "place"), [(3, 11), (3, 40), (1, 0), (5, -7)])
async def test_an_entry_under_another_number_is_named(log: Log, number: int, place: int) -> None:
    await log.renumber(number, place)

    assert await log.words() == [f"What stands as entry {place} is entry {number}."]


async def test_what_is_missing_is_not_explained_by_what_was_put_behind_it(log: Log) -> None:
    await log.forge("DELETE FROM audit_entries WHERE number > 6")
    await log.renumber(3, 11)

    assert await log.found(log.heads()) == [("removed", 7), ("moved", 11)]


async def test_contents_that_have_changed_places_are_named(log: Log) -> None:
    third, seventh = log.entries[2].digest, log.entries[6].digest
    await log.exchange(3, 7)
    await log.forge(
        f"UPDATE audit_entries SET digest = '{third}' WHERE number = 3",  # noqa: S608 - a digest
        f"UPDATE audit_entries SET digest = '{seventh}' WHERE number = 7",  # noqa: S608 - a digest
    )

    assert await log.words() == ["Entries 3 and 7 have changed places."]


async def test_an_entry_that_was_put_between_others_is_named_once(log: Log) -> None:
    await log.renumber(3, 1000)
    await log.forge("UPDATE audit_entries SET number = number - 1 WHERE number BETWEEN 4 AND 7")
    await log.renumber(1000, 7)

    assert await log.words() == ["What stands as entry 7 is entry 3."]


async def test_entries_that_were_numbered_anew_are_named_once(log: Log) -> None:
    await log.forge(
        "UPDATE audit_entries SET number = number + 1000 WHERE number > 4",
        "UPDATE audit_entries SET number = number - 998 WHERE number > 4",
    )
    await log.note(2)

    assert await log.words() == ["What stands as entry 7 was entry 5; those after it were numbered anew, too."]


async def test_an_entry_that_was_put_in_is_named(log: Log) -> None:
    await log.forge(
        "UPDATE audit_entries SET number = number + 1000 WHERE number > 4",
        "UPDATE audit_entries SET number = number - 999 WHERE number > 4",
        "INSERT INTO audit_entries SELECT 5, at, operator_id, action, subject, detail, salt, detail_digest, digest"
        " FROM audit_entries WHERE number = 1",
        "INSERT INTO audit_entries SELECT -5, at, operator_id, action, subject, detail, salt, detail_digest, 'x'"
        " FROM audit_entries WHERE number = 2",
    )

    assert await log.words() == [
        "Entry -5 was added: numbers begin with 1.",
        "Entry 5 was added. Those after it were numbered anew.",
    ]


async def test_entries_whose_times_are_out_of_order_are_named(log: Log) -> None:
    await log.forge("UPDATE audit_entries SET at = '2001-01-01 00:00:00.000000' WHERE number = 4")
    await log.rewrite(4)

    assert await log.words() == ["Entry 4 is older than entry 3: one of them was moved."]


# ── with the heads from the service's log ────────────────────────────────────────────────────────────────────────────


async def test_what_was_cut_off_at_the_end_only_the_log_can_tell(log: Log) -> None:
    await log.forge("DELETE FROM audit_entries WHERE number > 7")

    assert await log.found() == []
    (finding,) = (await log.audit.verify(log.heads(2, 9))).findings
    assert (finding.kind, finding.number) == ("cut_off", 8)
    assert finding.words == "Entries 8 to 9 were cut off at the end: the service's log names them."
    await log.forge("DELETE FROM audit_entries")
    assert await log.found(log.heads()) == [("cut_off", 1)]


async def test_what_was_cut_off_is_named_even_where_the_service_went_on(log: Log) -> None:
    await log.forge("DELETE FROM audit_entries WHERE number > 7")
    await log.note(5)

    assert await log.found() == []
    assert await log.found(log.heads()) == [("rewritten", 8)]


async def test_a_chain_that_was_written_anew_is_named(log: Log) -> None:
    await log.forge(SAYS)
    await log.rewrite(3)

    assert await log.found() == []
    assert await log.found(log.heads()) == [("rewritten", 3)]
    verdict = await log.audit.verify(log.heads(2, 6, 9))
    assert (len(verdict.findings), verdict.agreed) == (1, 1)
    assert verdict.findings[0].words == (
        "The service's log tells another digest of entry 6: one of the entries 3 to 6 was changed or cut off, and what"
        " follows was written anew."
    )


# ── all at once ──────────────────────────────────────────────────────────────────────────────────────────────────────


async def test_each_forgery_gives_one_finding(log: Log) -> None:
    await log.note(20)
    await log.forge(SAYS, "DELETE FROM audit_entries WHERE number IN (6, 28, 29, 30)")
    await log.exchange(12, 20)
    await log.forge("UPDATE audit_entries SET detail = 'a lie' WHERE number = 15")

    assert await log.found(log.heads()) == [
        ("changed", 3),
        ("removed", 6),
        ("moved", 12),
        ("changed", 15),
        ("cut_off", 28),
    ]


async def test_a_long_log_is_read_in_pieces_and_more_forgeries_than_fit_are_counted(
    log: Log, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(audit_module, "_CHAIN", audit_module._CHAIN.limit(7))
    monkeypatch.setattr(audit_module, "_BATCH", 7)
    await log.note(4 * MOST - 10)
    seen: list[tuple[int, int]] = []

    verdict = await log.audit.verify(log.heads(), lambda done, total: seen.append((done, total)))
    assert (verdict.whole, verdict.entries, verdict.agreed) == (True, 4 * MOST, 4 * MOST)
    assert seen[:2] == [(7, 4 * MOST), (14, 4 * MOST)]
    assert seen[-1] == (4 * MOST, 4 * MOST)

    await log.forge("UPDATE audit_entries SET subject = 'a lie' WHERE number % 2 = 0")
    verdict = await log.audit.verify()
    assert len(verdict.findings) == MOST + 1
    assert f"there are {MOST} more breaks" in verdict.findings[-1].words


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
@pytest.mark.parametrize(
    "junk", ["at = 'never'", "operator_id = 'nobody'", "detail = x'ff00'", "subject = x'ff'", "digest = x'00'"]
)
async def test_junk_that_sqlite_takes_is_named_too(log: Log, junk: str) -> None:
    await log.forge(f"UPDATE audit_entries SET {junk} WHERE number = 3")  # noqa: S608 - from above

    assert await log.found(log.heads()) == [("changed", 3)]
