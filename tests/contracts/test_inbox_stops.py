"""What the inbox promises to those who want an answer stopped."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from adapters.stores.sql.inbox import SqlInbox
from conversation.messages import Author, ConversationKey
from conversation.turns import EndingKind
from tests.support.inbox import claimed
from tests.support.words import answer, question

if TYPE_CHECKING:
    from adapters.stores.sql.inbox import SqlInbox


async def test_a_stop_asks_the_turns_before_it_and_opens_none(inbox: SqlInbox) -> None:
    first, second = await inbox.put(question()), await inbox.put(question())
    claim = await claimed(inbox)

    stop = question("stop")
    receipt = await inbox.put(stop, "stop")
    later = await inbox.put(question("Danach"))
    again = await inbox.put(stop, "stop")

    assert set(receipt.stopped) == {first.turn_id, second.turn_id}
    assert receipt.turn_id is None
    assert (again.new, again.stopped) == (False, ())
    assert await inbox.renew(claim, 30) is True
    await inbox.decide(claim, answer(kind=EndingKind.STOPPED))
    await inbox.shown(claim)
    waiting = await claimed(inbox)
    assert (waiting.turn_id, waiting.stop_requested) == (second.turn_id, True)
    await inbox.shown(waiting)
    assert ((await claimed(inbox)).turn_id, waiting.stop_requested) == (later.turn_id, True)


async def test_a_stop_with_nothing_to_stop_is_a_turn_that_says_so(inbox: SqlInbox) -> None:
    receipt = await inbox.put(question("stop"), "stop")

    assert receipt.stopped == ()
    assert (await claimed(inbox)).command == "stop"


async def test_a_stop_by_command_reaches_one_persons_turns_in_the_whole_channel(inbox: SqlInbox) -> None:
    def in_thread(thread: str, channel: str = "C1") -> ConversationKey:
        return ConversationKey("slack", "T1", channel, thread)

    mine = [await inbox.put(question(key=in_thread(t), author=Author("anna"))) for t in ("1", "2")]
    await inbox.put(question(key=in_thread("3"), author=Author("jörg")))
    await inbox.put(question(key=in_thread("4", "C2"), author=Author("anna")))

    stopped = await inbox.stop_answers_to("anna", "slack", "T1", "C1")

    assert set(stopped) == {receipt.turn_id for receipt in mine}
    assert await inbox.stop_answers_to("nobody", "slack", "T1", "C1") == ()


@pytest.mark.parametrize("by_command", [False, True])
async def test_what_rests_after_a_failure_is_stopped_at_once(inbox: SqlInbox, *, by_command: bool) -> None:
    await inbox.put(question())
    await inbox.fail(await claimed(inbox), "ValueError", 60)

    if by_command:
        await inbox.stop_answers_to("anna", "web", "web", "")
    else:
        await inbox.put(question("stop"), "stop")

    assert (await claimed(inbox)).stop_requested


async def test_a_stop_that_finds_nothing_leaves_a_pause_as_it_is(inbox: SqlInbox) -> None:
    await inbox.put(question())
    claim = await claimed(inbox)
    await inbox.decide(claim, answer())
    await inbox.hand_back(claim, 60)

    await inbox.put(question("stop"), "stop")

    assert await inbox.claim("first", 30, ["web"]) is None


@pytest.mark.parametrize("failure", [None, "ValueError"])
async def test_a_stop_is_not_lost_behind_a_pause_that_begins_after_it(inbox: SqlInbox, failure: str | None) -> None:
    await inbox.put(question())
    claim = await claimed(inbox)
    await inbox.put(question("stop"), "stop")

    if failure:
        await inbox.fail(claim, failure, 60)
    else:
        await inbox.hand_back(claim, 60)

    assert (await claimed(inbox)).stop_requested


async def test_what_was_to_be_stopped_and_is_decided_rests_as_long_as_it_has_to(inbox: SqlInbox) -> None:
    await inbox.put(question())
    claim = await claimed(inbox)
    await inbox.put(question("stop"), "stop")
    await inbox.decide(claim, answer(kind=EndingKind.STOPPED))

    await inbox.hand_back(claim, 60)

    assert await inbox.claim("first", 30, ["web"]) is None
