"""``plausch turns``: the operator sees what was put aside, without texts, and tries it again."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from typer.testing import CliRunner

from adapters.stores.sql.inbox import SqlInbox
from bot.cli import app
from conversation.turns import Ending, EndingKind
from tests.support.databases import opened
from tests.support.words import question

if TYPE_CHECKING:
    from typer.testing import Result

WORDS = "Was verdient der Chef?"


@pytest.fixture(autouse=True)
def _database(database_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PLAUSCH_DATABASE_URL", database_url)


def plausch(*arguments: str) -> Result:
    return CliRunner().invoke(app, ["turns", *arguments])


async def parked_turn(database_url: str) -> str:
    """A turn that failed, was put aside, and said so to the person."""
    async with opened(database_url) as database:
        inbox = SqlInbox(database)
        await inbox.put(question(WORDS))
        claim = await inbox.claim("w", 60, ["web"])
        assert claim is not None
        await inbox.fail(claim, "StreamBroken", 0)
        claim = await inbox.claim("w", 60, ["web"])
        assert claim is not None
        await inbox.decide(claim, Ending(EndingKind.PARKED, trail="Ich lege sie beiseite."), "RuntimeError")
        await inbox.shown(claim)
        return claim.turn_id


def in_a_loop_of_its_own(database_url: str) -> str:
    import asyncio  # noqa: PLC0415 - the commands make loops of their own, so these tests have none

    return asyncio.run(parked_turn(database_url))


def test_nothing_is_parked_at_first() -> None:
    listed = plausch("parked")

    assert (listed.exit_code, listed.output) == (0, "No turn is parked.\n")


def test_a_parked_turn_is_listed_without_its_text_and_tried_again_once(database_url: str) -> None:
    turn_id = in_a_loop_of_its_own(database_url)

    listed = plausch("parked").output
    assert turn_id in listed
    assert "2 failures, last: RuntimeError web web session-1" in listed
    assert WORDS not in listed

    again = plausch("retry", turn_id)
    assert (again.exit_code, again.output) == (0, f"{turn_id} is open again\n")
    assert plausch("parked").output == "No turn is parked.\n"
    assert plausch("retry", turn_id).exit_code == 1


def test_an_id_that_is_none_is_said_and_the_others_are_tried(database_url: str) -> None:
    turn_id = in_a_loop_of_its_own(database_url)

    again = plausch("retry", "\x1b[31mkeine", turn_id)

    assert again.exit_code == 1
    assert f"{turn_id} is open again" in again.output
    assert "is no parked turn: `plausch turns parked` lists them" in again.output
    assert "\x1b" not in again.output


def test_a_database_that_can_not_be_reached_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PLAUSCH_DATABASE_URL", "postgresql://127.0.0.1:1/plausch")

    listed = plausch("parked")

    assert listed.exit_code == 1
    assert "plausch doctor" in listed.output
