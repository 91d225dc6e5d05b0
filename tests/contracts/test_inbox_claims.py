"""What the inbox promises to those who answer: who gets which turn, and for how long."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest

from adapters.stores.sql.conversations import SqlConversations
from adapters.stores.sql.inbox import SqlInbox
from conversation.errors import LeaseLost
from conversation.messages import ConversationKey
from tests.support.inbox import claimed
from tests.support.words import ROOM, answer, question

if TYPE_CHECKING:
    from adapters.stores.sql.conversations import SqlConversations
    from adapters.stores.sql.inbox import SqlInbox
    from tests.support.databases import Rows


async def test_a_conversations_turns_are_claimed_one_after_the_other_in_their_order(inbox: SqlInbox) -> None:
    asked = [question(f"Frage {number}") for number in range(3)]
    await asyncio.gather(*(inbox.put(message) for message in asked))

    for expected, position in zip(asked, (1, 2, 3), strict=True):
        claim = await claimed(inbox)
        assert (claim.messages, claim.position) == ((expected,), position)
        assert await inbox.claim("second", 30, ["web"]) is None
        await inbox.decide(claim, answer())
        await inbox.shown(claim)

    assert await inbox.claim("first", 30, ["web"]) is None
    assert await inbox.open_turns() == 0


async def test_many_conversations_are_claimed_at_once_and_each_by_one(inbox: SqlInbox) -> None:
    keys = [ConversationKey("web", "web", "", f"s{number}") for number in range(8)]
    await asyncio.gather(*(inbox.put(question(key=key)) for key in keys))

    claims = await asyncio.gather(*(inbox.claim(f"worker {number}", 30, ["web"]) for number in range(10)))

    assert {claim.conversation for claim in claims if claim} == set(keys)
    assert claims.count(None) == 2


async def test_who_waits_longest_is_claimed_first(inbox: SqlInbox, rows: Rows) -> None:
    await inbox.put(question("Zweite", ConversationKey("web", "web", "", "b")))
    await inbox.put(question("Erste", ConversationKey("web", "web", "", "a")))
    await rows.change("UPDATE conversations SET waiting_since = '2001-01-01 00:00:00' WHERE thread = 'a'")

    assert (await claimed(inbox)).messages[0].text == "Erste"


async def test_a_worker_gets_what_it_can_deliver_to(inbox: SqlInbox) -> None:
    await inbox.put(question())

    assert await inbox.claim("first", 30, ["telegram"]) is None
    assert await inbox.claim("first", 30, []) is None
    assert await inbox.claim("first", 30, ["telegram", "web"]) is not None


async def test_a_session_can_ask_for_its_own_conversation_only(inbox: SqlInbox) -> None:
    other = await inbox.put(question(key=ConversationKey("web", "web", "", "other")))
    mine = await inbox.put(question())

    claim = await inbox.claim("first", 30, ["web"], mine.conversation_id)

    assert claim is not None
    assert claim.conversation == ROOM
    assert await inbox.claim("first", 30, ["web"], mine.conversation_id) is None
    assert await inbox.claim("first", 30, ["web"], other.conversation_id) is not None


async def test_a_stalled_worker_changes_nothing_after_its_lease_was_given_away(
    inbox: SqlInbox, store: SqlConversations, rows: Rows
) -> None:
    await inbox.put(question())
    stalled = await claimed(inbox, "stalled")
    await rows.expire_leases()
    healthy = await claimed(inbox, "healthy")
    send = await inbox.sending(healthy, 0)
    await inbox.decide(healthy, answer("Zwölf Uhr."))

    for attempt in (
        inbox.decide(stalled, answer("Elf Uhr.")),
        inbox.shown(stalled, greeted="anna"),
        inbox.fail(stalled, "gave up", 1),
        inbox.hand_back(stalled),
        inbox.undeliverable(stalled, "gone"),
        inbox.renew(stalled, 30),
        inbox.sending(stalled, 0),
        inbox.sent(stalled, send, "17"),
    ):
        with pytest.raises(LeaseLost):
            await attempt

    await inbox.shown(healthy)
    (turn,) = await store.log(ROOM)
    assert (turn.state, turn.ending and turn.ending.text) == ("shown", "Zwölf Uhr.")
    assert await rows.select("SELECT state, message_id FROM sends") == [("sending", "")]


async def test_whoever_gave_a_conversation_back_can_not_write_to_it_any_more(inbox: SqlInbox) -> None:
    await inbox.put(question())
    claim = await claimed(inbox)
    await inbox.hand_back(claim)

    with pytest.raises(LeaseLost):
        await inbox.renew(claim, 30)
    with pytest.raises(LeaseLost):
        await inbox.decide(claim, answer())


async def test_a_lease_that_is_renewed_is_kept(inbox: SqlInbox, rows: Rows) -> None:
    await inbox.put(question())
    claim = await claimed(inbox)
    await rows.expire_leases()

    assert await inbox.renew(claim, 30) is False

    assert await inbox.claim("second", 30, ["web"]) is None


async def test_leases_go_by_the_databases_clock(inbox: SqlInbox, rows: Rows) -> None:
    await inbox.put(question())
    claim = await claimed(inbox)

    ((ends,),) = await rows.select("SELECT lease_ends FROM conversations")
    ends = datetime.fromisoformat(ends).replace(tzinfo=UTC) if isinstance(ends, str) else ends

    assert timedelta(seconds=25) < ends - claim.claimed_at < timedelta(seconds=35)


async def test_the_only_worker_takes_back_what_its_predecessor_held(inbox: SqlInbox) -> None:
    await inbox.put(question())
    await inbox.put(question(key=ConversationKey("console", "console", "", "terminal")))
    await inbox.claim("dead", 30, ["web"])
    await inbox.claim("a terminal session", 30, ["console"])

    await inbox.take_back_leases()

    successor = await inbox.claim("new", 30, ["web"])
    assert successor is not None
    assert successor.took_over  # a call of the dead one may still land
    assert await inbox.claim("new", 30, ["console"]) is None
