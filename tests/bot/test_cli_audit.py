"""``plausch audit verify``: the operator hears whether the audit log is whole, and else what was done to it."""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING

import pytest
import structlog
from typer.testing import CliRunner

from adapters.stores.sql.audit import Action, Deed, SqlAudit
from bot import logs
from bot.cli import app
from tests.support.databases import Rows, opened

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from typer.testing import Result

SECRET = "Wer ist krank?"


@pytest.fixture(autouse=True)
def _database(database_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PLAUSCH_DATABASE_URL", database_url)
    monkeypatch.setenv("PLAUSCH_TIME_ZONE", "Europe/Berlin")


@pytest.fixture
def _logging_as_it_was() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    root.handlers[:], root.level = handlers, level
    structlog.reset_defaults()


def verify(*arguments: str, typed: str = "") -> Result:
    return CliRunner().invoke(app, ["audit", "verify", *arguments], input=typed)


def noted(database_url: str, count: int = 5) -> None:
    async def note() -> None:
        async with opened(database_url) as database:
            for _ in range(count):
                await SqlAudit(database).note(Deed(Action.AUDIT_READ, None, "a page", SECRET))

    asyncio.run(note())  # the command makes a loop of its own, so these tests have none


def forged(database_url: str, *statements: str) -> None:
    async def forge() -> None:
        async with opened(database_url) as database:
            for statement in statements:
                await Rows(database).change(statement)

    asyncio.run(forge())


@pytest.fixture(params=[True, False], ids=["as json", "for a terminal"])
def service_log(
    request: pytest.FixtureRequest,
    database_url: str,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    _logging_as_it_was: None,
) -> Path:
    """The log of a service that noted five entries, in both of its forms."""
    logs.configure("info", as_json=request.param)
    structlog.get_logger("bot.service").info("ready", number=3)
    noted(database_url)
    file = tmp_path / "service.log"
    file.write_text(capsys.readouterr().err)
    return file


def test_an_empty_log_is_whole() -> None:
    found = verify()

    assert (found.exit_code, found.output.startswith("The audit log is empty. What was cut off")) == (0, True)


def test_a_whole_log_is_told_in_one_line(database_url: str) -> None:
    noted(database_url)

    found = verify()

    assert found.exit_code == 0
    (line,) = found.output.splitlines()
    assert line.startswith("The audit log is whole: 5 entries, from 20")
    assert line.endswith("What was cut off at its end, only the service's log can tell: give it with --log.")


def test_the_services_log_is_read_in_both_of_its_forms(service_log: Path) -> None:
    found = verify("--log", str(service_log), "--log", str(service_log))

    assert found.exit_code == 0
    assert found.output.endswith("; 5 heads from the log agree.\n")
    assert verify("--log", "-", typed=service_log.read_text()).output == found.output


def test_what_was_cut_off_is_told_with_the_services_log(service_log: Path, database_url: str) -> None:
    forged(database_url, "DELETE FROM audit_entries WHERE number > 3")

    assert verify().exit_code == 0
    found = verify("--log", str(service_log))
    assert (found.exit_code, found.output.splitlines()) == (
        1,
        [
            "Entries 4 to 5 were cut off at the end: the service's log names them.",
            "The audit log is not whole: 1 finding in 3 entries.",
        ],
    )


def test_each_forgery_is_a_line_and_no_text_is_shown(database_url: str) -> None:
    noted(database_url)
    forged(
        database_url,
        "UPDATE audit_entries SET detail = 'a lie' WHERE number = 2",
        "DELETE FROM audit_entries WHERE number = 4",
    )

    found = verify()

    assert found.exit_code == 1
    assert found.output.splitlines() == [
        "The detail of entry 2 was changed.",
        "Entry 4 was removed. Whether entry 5 was changed can't be told.",
        "The audit log is not whole: 2 findings in 4 entries.",
    ]
    assert SECRET not in found.output


def test_a_log_that_names_no_entry_is_said(database_url: str, tmp_path: Path) -> None:
    noted(database_url, 1)
    log = tmp_path / "other.log"
    log.write_bytes(b"\xff\xfe nothing\n{}\n{\n[1]\n\n")

    found = verify("--log", str(log))

    assert found.exit_code == 0
    assert "No line of the log names an audit entry." in found.output
    assert "1 entry, from" in found.output
    assert found.output.endswith("; 0 heads from the log agree.\n")


def test_a_log_that_is_not_there_is_said(tmp_path: Path) -> None:
    found = verify("--log", str(tmp_path / "nothing.log"))

    assert found.exit_code == 2
    assert "nothing.log" in found.output


def test_a_database_that_can_not_be_reached_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PLAUSCH_DATABASE_URL", "postgresql://127.0.0.1:1/plausch")

    found = verify()

    assert found.exit_code == 1
    assert "plausch doctor" in found.output
