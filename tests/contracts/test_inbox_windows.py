"""What turns are to the windows of later ones."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from adapters.stores.sql.conversations import SqlConversations
from adapters.stores.sql.inbox import SqlInbox
from conversation.messages import ConversationKey
from conversation.turns import EndingKind, Record
from tests.support.inbox import claimed, ended
from tests.support.words import ROOM, answer, question

if TYPE_CHECKING:
    from adapters.stores.sql.conversations import SqlConversations
    from adapters.stores.sql.inbox import SqlInbox


async def test_the_window_holds_the_turns_before_and_begins_where_it_was_cut(
    inbox: SqlInbox, store: SqlConversations
) -> None:
    for number in range(4):
        await inbox.put(question(f"Frage {number + 1}"))
    for number in range(3):
        claim = await claimed(inbox)
        await inbox.decide(claim, answer(f"Antwort {number + 1}", record=Record(cut=2 if number == 2 else 1)))
        await inbox.shown(claim)

    claim = await claimed(inbox)
    window = await store.window(claim.conversation_id, claim.since, claim.position)

    assert claim.since == 2
    assert [(one.position, one.questions[0].text, one.answer) for one in window] == [
        (2, "Frage 2", "Antwort 2"),
        (3, "Frage 3", "Antwort 3"),
    ]


async def test_a_fresh_start_begins_after_its_own_turn(inbox: SqlInbox, store: SqlConversations) -> None:
    for text, command in (("Frage", None), ("neu", "new"), ("Neue Frage", None)):
        await inbox.put(question(text), command)
    for ending in (answer(), answer(kind=EndingKind.NOTICE, starts_afresh=True)):
        claim = await claimed(inbox)
        await inbox.decide(claim, ending)
        await inbox.shown(claim)

    claim = await claimed(inbox)

    assert claim.since == 3
    assert await store.window(claim.conversation_id, claim.since, claim.position) == []
    assert len(await store.log(ROOM)) == 3


async def test_commands_are_no_part_of_the_window(inbox: SqlInbox, store: SqlConversations) -> None:
    for text, command in (("hilfe", "help"), ("Frage", None)):
        await inbox.put(question(text), command)
    claim = await claimed(inbox)
    await inbox.shown(claim)
    claim = await claimed(inbox)

    assert await store.window(claim.conversation_id, claim.since, claim.position) == []


@pytest.mark.parametrize("kind", [EndingKind.REFUSED, EndingKind.PARKED])
async def test_a_question_that_could_not_be_answered_spoils_no_later_window(
    kind: EndingKind, inbox: SqlInbox, store: SqlConversations
) -> None:
    for text in ("Gift", "Frage", "Nächste Frage"):
        await inbox.put(question(text))
    await ended(inbox, answer("", kind=kind, trail="Das ging nicht."))
    await ended(inbox, answer("Antwort"))

    claim = await claimed(inbox)
    window = await store.window(claim.conversation_id, claim.since, claim.position)

    assert [(one.questions[0].text, one.answer) for one in window] == [("Frage", "Antwort")]


async def test_an_answer_that_nobody_saw_was_not_said(inbox: SqlInbox, store: SqlConversations) -> None:
    for text in ("Frage", "Nächste Frage"):
        await inbox.put(question(text))
    claim = await claimed(inbox)
    await inbox.decide(claim, answer("Antwort"))
    await inbox.undeliverable(claim, "blocked")

    claim = await claimed(inbox)
    window = await store.window(claim.conversation_id, claim.since, claim.position)

    assert [(one.questions[0].text, one.answer) for one in window] == [("Frage", "")]


async def test_one_conversation_shows_nothing_of_another(inbox: SqlInbox, store: SqlConversations) -> None:
    other = ConversationKey("web", "web", "", "other")
    await inbox.put(question("meins"))
    await inbox.put(question("fremd", other))

    assert [turn.questions[0].text for turn in await store.log(ROOM)] == ["meins"]
    assert [turn.questions[0].text for turn in await store.log(other)] == ["fremd"]
    assert await store.log(ConversationKey("web", "web", "", "nobody")) == []
