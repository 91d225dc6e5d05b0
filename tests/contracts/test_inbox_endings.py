"""What the inbox promises about how turns end."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from adapters.stores.sql.conversations import SqlConversations
from adapters.stores.sql.inbox import SqlInbox
from conversation.generation import FinishReason
from conversation.messages import ConversationKey
from conversation.turns import EndingKind, Record
from tests.support.inbox import claimed
from tests.support.words import ROOM, answer, question

if TYPE_CHECKING:
    from adapters.stores.sql.conversations import SqlConversations
    from adapters.stores.sql.inbox import SqlInbox
    from tests.support.databases import Rows


async def test_a_decided_turn_is_claimed_again_with_its_ending_and_its_sends(inbox: SqlInbox, rows: Rows) -> None:
    await inbox.put(question())
    claim = await claimed(inbox)
    first, second = await inbox.sending(claim, 0), await inbox.sending(claim, 1)
    await inbox.sent(claim, first, "77")
    record = Record(
        model="em",
        profile="em-german",
        system_prompt="Du bist …",
        sampling={"temperature": 0.6},
        prompt_digest="d",
        cut=1,
        prompt_tokens=5,
        answer_tokens=3,
        finish=FinishReason.TOKENS,
        first_token_at=datetime(2026, 1, 2, 3, 4, 5, 678901, tzinfo=UTC),
    )
    ending = answer("Zwölf Uhr.", lead="Ich bin eine KI.", trail="Gekürzt.", record=record)
    await inbox.decide(claim, ending)
    await rows.expire_leases()

    again = await claimed(inbox, "second")

    assert again.ending == ending
    assert ending.shown == "Ich bin eine KI.\n\nZwölf Uhr.\n\nGekürzt."
    assert [(send.id, send.part, send.state, send.message_id) for send in again.sends] == [
        (first, 0, "sent", "77"),
        (second, 1, "sending", ""),
    ]
    assert again.fence > claim.fence


async def test_a_turn_that_is_decided_again_by_whoever_holds_it_has_the_newer_ending(
    inbox: SqlInbox, store: SqlConversations, rows: Rows
) -> None:
    await inbox.put(question())
    claim = await claimed(inbox)
    # The first commit's outcome may have been lost on its way back.
    await inbox.decide(claim, answer("Elf Uhr.", record=Record(answer_tokens=1)))
    newer = answer("", kind=EndingKind.PARKED, trail="Geparkt.", record=Record(answer_tokens=2))

    await inbox.decide(claim, newer)
    await inbox.shown(claim)

    (turn,) = await store.log(ROOM)
    assert (turn.state, turn.ending) == ("shown", newer)
    assert len(await rows.select("SELECT id FROM answers")) == 1


async def test_a_send_whose_outcome_nobody_knows_says_so(inbox: SqlInbox, rows: Rows) -> None:
    await inbox.put(question())
    claim = await claimed(inbox)
    await inbox.sent(claim, await inbox.sending(claim, 0), "")

    assert await rows.select("SELECT state FROM sends") == [("unknown",)]


async def test_a_failed_turn_rests_and_is_counted(inbox: SqlInbox, rows: Rows) -> None:
    await inbox.put(question())
    await inbox.fail(await claimed(inbox), "ValueError", 60)

    assert await inbox.claim("first", 30, ["web"]) is None
    await rows.change("UPDATE conversations SET not_before = '2001-01-01 00:00:00'")
    again = await claimed(inbox)

    assert again.failures == 1
    assert await rows.select("SELECT reason FROM turns") == [("ValueError",)]


async def test_a_turn_that_is_handed_back_goes_on_at_once_and_did_not_fail(inbox: SqlInbox) -> None:
    await inbox.put(question())
    await inbox.hand_back(await claimed(inbox))

    assert (await claimed(inbox)).failures == 0


async def test_an_undeliverable_turn_is_over(inbox: SqlInbox, store: SqlConversations, rows: Rows) -> None:
    await inbox.put(question())
    await inbox.undeliverable(await claimed(inbox), "blocked")

    assert await inbox.claim("first", 30, ["web"]) is None
    assert (await store.log(ROOM))[0].state == "undeliverable"
    assert await rows.select("SELECT reason FROM turns") == [("blocked",)]


async def test_turns_that_end_at_once_keep_each_its_own_reason(inbox: SqlInbox, rows: Rows) -> None:
    for number in range(2):
        await inbox.put(question(key=ConversationKey("web", "web", "", f"s{number}")))
    first, second = await claimed(inbox), await claimed(inbox)

    await asyncio.gather(inbox.undeliverable(first, "blocked"), inbox.undeliverable(second, "kicked"))

    reasons = "SELECT reason FROM turns ORDER BY reason"
    assert await rows.select(reasons) == [("blocked",), ("kicked",)]
