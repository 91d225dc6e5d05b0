"""The inbox's promises, on both databases."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, cast

import pytest

from adapters.stores.sql.conversations import SqlConversations, SqlPeople
from adapters.stores.sql.inbox import SqlInbox
from conversation.errors import LeaseLost, StoreUnavailable
from conversation.generation import FinishReason
from conversation.messages import Attachment, Author, ConversationKey, Mention
from conversation.turns import Claim, EndingKind, Record
from tests.support.words import ROOM, answer, question

if TYPE_CHECKING:
    from adapters.stores.sql.database import Database
    from tests.support.databases import Rows


@pytest.fixture
def inbox(database: Database) -> SqlInbox:
    return SqlInbox(database)


@pytest.fixture
def store(database: Database) -> SqlConversations:
    return SqlConversations(database)


async def claimed(inbox: SqlInbox, worker: str = "first") -> Claim:
    claim = await inbox.claim(worker, 30, ["web"])
    assert claim is not None
    return claim


async def test_a_message_comes_back_as_it_was_put(inbox: SqlInbox) -> None:
    message = question(
        "Frag @U1: Größe „Übermaß“ 🙂",
        mentions=(Mention(5, 8, "U1"),),
        attachments=(Attachment("plan.pdf", "application/pdf", 12),),
        mentioned=True,
    )

    await inbox.put(message)

    assert (await claimed(inbox)).messages == (message,)


async def test_a_message_is_stored_once_however_often_it_comes(inbox: SqlInbox, rows: Rows) -> None:
    message = question()

    first = await inbox.put(message)
    second = await inbox.put(replace(message, text="anders zugestellt"))
    at_once = await asyncio.gather(*(inbox.put(message) for _ in range(5)))

    assert first.new
    assert not any(receipt.new for receipt in (second, *at_once))
    assert {receipt.turn_id for receipt in (second, *at_once)} == {first.turn_id}
    assert await rows.select("SELECT text FROM messages") == [("Wie spät ist es?",)]
    assert await inbox.open_turns() == 1


async def test_doubles_that_come_at_once_are_stored_once(inbox: SqlInbox) -> None:
    message = question()

    receipts = await asyncio.gather(*(inbox.put(message) for _ in range(5)))

    assert [receipt.new for receipt in receipts] == [True, False, False, False, False]


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


async def test_an_edit_is_kept_beside_the_message_and_opens_no_turn(inbox: SqlInbox, rows: Rows) -> None:
    message = question("Wie spät?")
    first = await inbox.put(message)
    edit = replace(message, text="Wie spät ist es?", edit="2")

    receipts = [await inbox.put(edit), await inbox.put(edit), await inbox.put(replace(edit, edit="3"))]

    assert [receipt.new for receipt in receipts] == [True, False, True]
    assert {receipt.turn_id for receipt in receipts} == {first.turn_id}
    assert await inbox.open_turns() == 1
    assert (await claimed(inbox)).messages == (message,)
    assert len(await rows.select("SELECT id FROM messages")) == 3


async def test_what_wants_no_answer_is_stored_without_a_turn(inbox: SqlInbox, rows: Rows) -> None:
    receipt = await inbox.put(question(addressed=False))

    assert (receipt.new, receipt.turn_id) == (True, None)
    assert await inbox.open_turns() == 0
    assert len(await rows.select("SELECT id FROM messages WHERE turn_id IS NULL")) == 1


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


async def test_one_conversation_shows_nothing_of_another(inbox: SqlInbox, store: SqlConversations) -> None:
    other = ConversationKey("web", "web", "", "other")
    await inbox.put(question("meins"))
    await inbox.put(question("fremd", other))

    assert [turn.questions[0].text for turn in await store.log(ROOM)] == ["meins"]
    assert [turn.questions[0].text for turn in await store.log(other)] == ["fremd"]
    assert await store.log(ConversationKey("web", "web", "", "nobody")) == []


async def test_the_unreadable_is_kept_once(inbox: SqlInbox, rows: Rows) -> None:
    for raw in ("{", "{", "\0{"):
        await inbox.put_unreadable("telegram", "7", raw, "no JSON \ud800")

    assert await rows.select("SELECT raw, reason FROM unreadable") == [("{", "no JSON ")]


async def test_people_are_learnt_from_their_messages_and_from_what_a_platform_tells(
    inbox: SqlInbox, database: Database
) -> None:
    people = SqlPeople(database)
    await inbox.put(question(author=Author("anna", "Anna", "de")))
    await inbox.put(question(author=Author("anna", "Anna B.", None)))
    await people.learn("web", "web", Author("jörg", "Jörg", "en"))
    await people.learn("web", "web", Author("nameless", None, None))

    known = await people.known("web", "web", ["anna", "jörg", "nameless", "nobody"])

    assert known == {
        "anna": Author("anna", "Anna B.", "de"),
        "jörg": Author("jörg", "Jörg", "en"),
        "nameless": Author("nameless"),
    }
    assert await people.known("web", "other", ["anna"]) == {}


@pytest.mark.parametrize("known", [True, False])
async def test_who_was_greeted_is_greeted_for_good(inbox: SqlInbox, database: Database, *, known: bool) -> None:
    people = SqlPeople(database)
    await inbox.put(question(author=Author("anna", "Anna" if known else None)))
    claim = await claimed(inbox)
    assert not await people.greeted("web", "web", "anna")

    await inbox.shown(claim, greeted="anna")

    assert await people.greeted("web", "web", "anna")
    assert not await people.greeted("web", "other", "anna")


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

    assert await inbox.claim("new", 30, ["web"]) is not None
    assert await inbox.claim("new", 30, ["console"]) is None


async def test_a_poisonous_write_fails_alone(inbox: SqlInbox) -> None:
    broken = replace(question(), native_id=cast("str", object()))

    results = await asyncio.gather(
        inbox.put(question()), inbox.put(broken), inbox.put(question()), return_exceptions=True
    )

    assert [isinstance(result, Exception) for result in results] == [False, True, False]


async def test_nothing_is_stored_where_the_database_is_locked(inbox: SqlInbox, database: Database) -> None:
    async with database.writing() as other:
        if not database.is_sqlite:
            await other.exec_driver_sql("LOCK TABLE messages")
        with pytest.raises(StoreUnavailable):
            await inbox.put(question())

    assert (await inbox.put(question())).new
