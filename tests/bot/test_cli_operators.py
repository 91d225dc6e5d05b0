"""``plausch operators``: accounts are made, listed and removed, and links are printed."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest
from typer.testing import CliRunner

from bot.cli import app

if TYPE_CHECKING:
    from pathlib import Path

    from typer.testing import Result


@pytest.fixture(autouse=True)
def _database(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One kind of database does: tests/contracts/test_operators.py has both."""
    monkeypatch.setenv("PLAUSCH_DATABASE_URL", f"sqlite:///{tmp_path / 'plausch.sqlite3'}")
    monkeypatch.setenv("PLAUSCH_HTTP_PORT", "8123")


def plausch(*arguments: str) -> Result:
    return CliRunner().invoke(app, ["operators", *arguments])


def test_the_first_operator_is_an_owner_and_gets_a_link() -> None:
    assert "There is no operator yet" in plausch("list").output

    added = plausch("add", "erika")
    assert added.exit_code == 0, added.output
    (link,) = re.findall(r"^http://localhost:8123/admin/link/[\w-]{43}$", added.output, re.MULTILINE)
    assert plausch("list").output == "erika: owner, all workspaces (no password yet)\n"

    again = plausch("link", "ERIKA")
    assert again.exit_code == 0
    assert link not in again.output


def test_a_role_and_workspaces_limit_an_operator() -> None:
    added = plausch("add", "max", "--role", "reviewer", "--workspace", "slack/T1", "--workspace", "web/web")
    assert added.exit_code == 0, added.output
    assert plausch("list").output == "max: reviewer, slack/T1 web/web (no password yet)\n"


@pytest.mark.parametrize(
    ("arguments", "status", "says"),
    [
        (("add", "erika"), 1, "plausch operators link NAME"),
        (("add", "<b>"), 1, "A name has letters, digits"),
        (("add", "max", "--role", "king"), 2, "king is no role: owner, admin, reviewer, auditor."),
        (("add", "max", "--workspace", "T1"), 2, "T1 is no PLATFORM/WORKSPACE."),
        (("link", "nobody"), 2, "There is no operator nobody"),
        (("remove", "erika"), 1, "This is the last owner"),
    ],
)
def test_what_can_not_be_done_is_said_with_the_cure(arguments: tuple[str, ...], status: int, says: str) -> None:
    plausch("add", "erika")
    refused = plausch(*arguments)
    assert (refused.exit_code, says in " ".join(refused.output.replace("│", "").split())) == (status, True), (
        refused.output
    )


def test_an_operator_is_removed() -> None:
    plausch("add", "erika")
    plausch("add", "max", "--role", "admin")
    assert plausch("remove", "max").output == "max is removed.\n"
    assert plausch("list").output.startswith("erika")
