"""The look at the whole service: trouble is said once when it begins, and when it is over."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from adapters.stores.sql.inbox import SqlInbox
from bot import logs
from bot.readiness import Readiness
from bot.vigil import Vigil
from conversation.turns import Backlog
from tests.support.databases import Rows
from tests.support.words import question

if TYPE_CHECKING:
    from adapters.stores.sql.database import Database


async def test_a_turn_that_waits_for_too_long_is_said_once_and_when_it_is_over(
    database: Database, capsys: pytest.CaptureFixture[str]
) -> None:
    logs.configure("info", as_json=True)
    inbox, readiness = SqlInbox(database), Readiness()
    vigil = Vigil(inbox, readiness, oldest_seconds=60)
    await vigil.look()
    assert (vigil.backlog, readiness.troubles) == (Backlog(0, 0, 0), {})

    await inbox.put(question())
    await vigil.look()
    assert readiness.troubles == {}

    await Rows(database).change("UPDATE turns SET arrived_at = '2001-01-01 00:00:00'")
    await vigil.look()
    await vigil.look()
    assert list(readiness.troubles) == ["oldest turn"]

    await Rows(database).change("UPDATE turns SET state = 'shown'")
    await vigil.look()
    assert readiness.troubles == {}
    said = [json.loads(line) for line in capsys.readouterr().err.splitlines()]
    assert [(line["event"], line["part"]) for line in said] == [
        ("trouble", "oldest turn"),
        ("trouble is over", "oldest turn"),
    ]


@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
async def test_while_the_database_can_not_tell_the_service_is_not_ready(database: Database) -> None:
    readiness = Readiness()
    vigil = Vigil(SqlInbox(database), readiness, oldest_seconds=60)
    await Rows(database).change("ALTER TABLE turns RENAME TO away")
    await vigil.look()
    assert list(readiness.waiting_for) == ["database"]

    await Rows(database).change("ALTER TABLE away RENAME TO turns")
    await vigil.look()
    assert readiness.waiting_for == {}
