"""What the inbox promises to operators: what waits, what was put aside, and that it can be asked again."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from conversation.errors import LeaseLost
from conversation.turns import EndingKind, Record
from tests.support.inbox import claimed, ended
from tests.support.words import ROOM, answer, question

if TYPE_CHECKING:
    from adapters.stores.sql.conversations import SqlConversations
    from adapters.stores.sql.inbox import SqlInbox
    from conversation.turns import Claim
    from tests.support.databases import Rows

PARKED = answer("", kind=EndingKind.PARKED, trail="Geparkt.")


async def parked(inbox: SqlInbox, text: str = "Gift") -> Claim:
    """A turn that failed once and was then put aside."""
    await inbox.put(question(text))
    await inbox.fail(await claimed(inbox), "ValueError", 0)
    claim = await claimed(inbox)
    await inbox.sent(claim, await inbox.sending(claim, 0), "17")
    await inbox.decide(claim, PARKED)
    await inbox.shown(claim)
    return claim


async def test_the_backlog_counts_what_waits_and_what_was_put_aside(inbox: SqlInbox, rows: Rows) -> None:
    empty = await inbox.backlog()
    await parked(inbox)
    await inbox.put(question())
    await inbox.decide(await claimed(inbox), answer())
    await inbox.put(question())
    long_ago = "2001-01-01 00:00:00"
    await rows.change(f"UPDATE turns SET arrived_at = '{long_ago}' WHERE state <> 'decided'")  # noqa: S608 - ours

    backlog = await inbox.backlog()

    assert (empty.open, empty.oldest_seconds, empty.parked) == (0, 0.0, 0)
    assert (backlog.open, backlog.parked) == (2, 1)
    assert 20 * 365 * 86_400 < backlog.oldest_seconds < 200 * 365 * 86_400


async def test_a_turn_that_was_put_aside_is_told_with_its_reason(inbox: SqlInbox) -> None:
    claim = await parked(inbox)
    await ended_after(inbox)

    (turn,) = await inbox.parked()

    assert (turn.turn_id, turn.conversation, turn.failures, turn.reason) == (claim.turn_id, ROOM, 1, "ValueError")
    assert turn.arrived_at == claim.arrived_at < turn.parked_at


async def ended_after(inbox: SqlInbox) -> Claim:
    await inbox.put(question("Danach"))
    return await ended(inbox, answer("Antwort"))


async def test_a_parked_turn_is_opened_again_and_claimed_at_once_as_if_new(
    inbox: SqlInbox, store: SqlConversations, rows: Rows
) -> None:
    claim = await parked(inbox)
    await rows.change("UPDATE turns SET stop_requested_at = '2001-01-01 00:00:00'")

    assert await inbox.retry(claim.turn_id)

    assert await inbox.parked() == []
    backlog = await inbox.backlog()
    assert (backlog.open, backlog.parked) == (1, 0)
    assert backlog.oldest_seconds < 60
    (turn,) = await store.log(ROOM)
    assert (turn.state, turn.ending) == ("open", None)
    again = await claimed(inbox)
    assert (again.turn_id, again.position, again.revision) == (claim.turn_id, claim.position, claim.revision + 1)
    assert (again.failures, again.stop_requested, again.ending, again.sends) == (0, False, None, ())
    assert again.messages == claim.messages
    assert await rows.select("SELECT reason FROM turns") == [(None,)]
    await inbox.decide(again, answer("Nun doch."))
    await inbox.shown(again)
    (turn,) = await store.log(ROOM)
    assert (turn.state, turn.ending and turn.ending.text) == ("shown", "Nun doch.")


async def test_the_age_of_what_was_opened_again_is_told_from_then_on(inbox: SqlInbox, rows: Rows) -> None:
    claim = await parked(inbox)
    await rows.change("UPDATE turns SET arrived_at = '2001-01-01 00:00:00'")
    await inbox.retry(claim.turn_id)

    assert (await inbox.backlog()).oldest_seconds < 60


async def test_a_turn_that_was_given_up_while_it_was_put_aside_can_be_opened_too(inbox: SqlInbox) -> None:
    await inbox.put(question())
    claim = await claimed(inbox)
    await inbox.decide(claim, PARKED)
    await inbox.undeliverable(claim, "TimeoutError")

    assert [turn.reason for turn in await inbox.parked()] == ["TimeoutError"]
    assert await inbox.retry(claim.turn_id)
    assert (await claimed(inbox)).revision == 2


@pytest.mark.parametrize("turn_id", ["", "nonsense", "0" * 31, "00000000-0000-7000-8000-000000000000"])
async def test_nothing_is_opened_by_an_id_of_nothing(inbox: SqlInbox, turn_id: str) -> None:
    await parked(inbox)

    assert not await inbox.retry(turn_id)
    assert await inbox.open_turns() == 0


async def test_only_what_was_put_aside_is_opened_and_only_once(inbox: SqlInbox) -> None:
    claim = await parked(inbox)
    answered = await ended_after(inbox)
    await inbox.put(question())
    decided = await claimed(inbox)
    await inbox.decide(decided, PARKED)

    assert not await inbox.retry(answered.turn_id)
    assert not await inbox.retry(decided.turn_id)
    assert await inbox.retry(claim.turn_id)
    assert not await inbox.retry(claim.turn_id)


async def test_a_turn_that_is_opened_again_sees_what_came_before_it_and_goes_before_what_waits(
    inbox: SqlInbox, store: SqlConversations
) -> None:
    await ended_after(inbox)
    first = await parked(inbox)
    await inbox.put(question("Unterwegs"))
    under_way = await claimed(inbox)
    await inbox.put(question("Später"))

    assert await inbox.retry(first.turn_id)

    assert await inbox.claim("w", 30, ["web"]) is None
    window = await store.window(first.conversation_id, 1, under_way.position)
    assert [one.questions[0].text for one in window] == ["Danach"]
    await inbox.shown(under_way)
    again = await claimed(inbox)
    assert again.turn_id == first.turn_id
    window = await store.window(again.conversation_id, again.since, again.position)
    assert [one.questions[0].text for one in window] == ["Danach"]
    await inbox.decide(again, answer("Nun doch."))
    await inbox.shown(again)
    later = await claimed(inbox)
    window = await store.window(later.conversation_id, later.since, later.position)
    assert [(one.questions[0].text, one.answer) for one in window][1] == ("Gift", "Nun doch.")


async def test_a_turn_that_is_opened_again_does_not_wait_for_another_ones_pause(inbox: SqlInbox) -> None:
    first = await parked(inbox)
    await inbox.put(question())
    await inbox.fail(await claimed(inbox), "ValueError", 60)

    await inbox.retry(first.turn_id)

    assert (await claimed(inbox)).turn_id == first.turn_id


async def test_whoever_had_parked_it_writes_nothing_any_more(inbox: SqlInbox) -> None:
    claim = await parked(inbox)
    await inbox.retry(claim.turn_id)

    with pytest.raises(LeaseLost):
        await inbox.decide(claim, answer())


@pytest.mark.parametrize("afresh", [False, True])
async def test_a_turn_before_the_windows_beginning_gets_the_window_that_it_had_and_moves_no_later_one(
    inbox: SqlInbox, *, afresh: bool
) -> None:
    await inbox.put(question("neu"), "new")
    await ended(inbox, answer(starts_afresh=True))
    await ended_after(inbox)
    first = await parked(inbox)
    await inbox.put(question("weiter"), "new" if afresh else None)
    await ended(inbox, answer(starts_afresh=afresh, record=Record(cut=4)))
    await inbox.retry(first.turn_id)

    again = await claimed(inbox)
    await inbox.decide(again, answer(record=Record(cut=again.since)))
    await inbox.shown(again)

    assert (again.position, again.since) == (3, 2)
    await inbox.put(question())
    assert (await claimed(inbox)).since == (5 if afresh else 4)


async def test_a_window_that_is_cut_anew_for_an_old_turn_does_not_bring_back_what_came_before_a_fresh_start(
    inbox: SqlInbox,
) -> None:
    await ended_after(inbox)
    await ended_after(inbox)
    first = await parked(inbox)
    await inbox.put(question("neu"), "new")
    await ended(inbox, answer(starts_afresh=True))
    await inbox.retry(first.turn_id)

    again = await claimed(inbox)
    await inbox.decide(again, answer(record=Record(cut=again.since + 1)))
    await inbox.shown(again)

    await inbox.put(question())
    assert (await claimed(inbox)).since == 5
