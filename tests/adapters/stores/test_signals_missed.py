"""What the tables tell of stops and endings, on both databases."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from adapters.stores.sql import signals_missed
from adapters.stores.sql.inbox import SqlInbox
from adapters.stores.sql.signals_missed import StoredSignals
from conversation.turns import Frame
from tests.support.inbox import claimed, ended
from tests.support.signals import OTHER_ROOM
from tests.support.words import ROOM, answer, question

if TYPE_CHECKING:
    from adapters.stores.sql.database import Database
    from tests.support.databases import Rows

MINUTE = 60


@pytest.fixture
def inbox(database: Database) -> SqlInbox:
    return SqlInbox(database)


@pytest.fixture
def store(database: Database) -> StoredSignals:
    return StoredSignals(database)


async def test_stops_of_these_turns_are_found(inbox: SqlInbox, store: StoredSignals) -> None:
    turns = [str((await inbox.put(question())).turn_id) for _ in range(2)]
    assert await store.stopped(turns) == []
    await inbox.stop_answers_to("anna", ROOM.platform, ROOM.workspace, ROOM.channel)

    assert set(await store.stopped(turns)) == set(turns)
    assert await store.stopped(turns[:1]) == turns[:1]


async def test_endings_of_these_conversations_are_found_in_their_order(inbox: SqlInbox, store: StoredSignals) -> None:
    texts = ("Zwölf Uhr.", "Eins.", "Zwei.")
    for text, room in zip(texts, (ROOM, OTHER_ROOM, ROOM), strict=True):
        await inbox.put(question(key=room))
        await ended(inbox, answer(text, lead="Ich bin eine KI."))
    await inbox.put(question())
    await inbox.decide(await claimed(inbox), answer("Noch nicht gezeigt."))

    found = await store.endings([ROOM], MINUTE)

    assert [(ended.conversation, ended.frame.text) for ended in found] == [
        (ROOM, "Ich bin eine KI.\n\nZwölf Uhr."),
        (ROOM, "Ich bin eine KI.\n\nZwei."),
    ]
    frame = found[0].frame
    assert frame == Frame(frame.turn_id, 0, 0, frame.text, last=True, kind="answer")
    assert 0 <= found[1].seconds_ago <= found[0].seconds_ago < MINUTE


async def test_old_endings_are_not_told(inbox: SqlInbox, store: StoredSignals, rows: Rows) -> None:
    await inbox.put(question())
    await ended(inbox)
    await rows.change("UPDATE turns SET shown_at = '2001-01-01 00:00:00'")

    assert await store.endings([ROOM], MINUTE) == []


async def test_any_number_of_conversations_may_be_watched(
    inbox: SqlInbox, store: StoredSignals, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(signals_missed, "_AT_ONCE", 1)
    for room in (ROOM, OTHER_ROOM):
        await inbox.put(question(key=room))
        await ended(inbox)

    assert [ended.conversation for ended in await store.endings([ROOM, OTHER_ROOM], MINUTE)] == [ROOM, OTHER_ROOM]
    assert await store.endings([], MINUTE) == []
