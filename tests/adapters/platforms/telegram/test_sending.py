from __future__ import annotations

import pytest

from adapters.platforms.telegram import Entity, Part
from adapters.standins.telegram.faults import FaultKind
from adapters.standins.telegram.world import Tuning
from conversation.errors import (
    MessageGone,
    PlatformUnreachable,
    Undeliverable,
)
from tests.support.telegram import ASKER, OTHER
from tests.support.telegram_desk import both, place, started

FREE = Tuning(limits=None)


# ── placeholders ─────────────────────────────────────────────────────────────────────────────────────────────────────


async def test_a_placeholder_appears_and_is_filled() -> None:
    async with both() as (standin, telegram):
        asked = standin.say(ASKER, "Wie spät ist es?")
        there = place(ASKER, reply_to=asked)
        message_id = await telegram.begin(there, "send-1")
        shown = standin.transcript(ASKER)[-1]
        assert (str(shown.message_id), shown.text, shown.reply_to) == (message_id, "…", None)

        for markdown in ("Es ist", "Es ist **zwölf** Uhr."):
            await telegram.edit(there, message_id, telegram.parts(markdown)[0], last=False)
        shown = standin.transcript(ASKER)[-1]
        assert [version.text for version in shown.versions] == ["…", "Es ist", "Es ist zwölf Uhr."]
        assert [entity["type"] for entity in shown.entities] == ["bold"]


async def test_in_a_group_the_answer_refers_to_its_question() -> None:
    async with both() as (standin, telegram):
        group = standin.supergroup("Haus", ASKER, OTHER)
        asked = standin.say(group, "/ask Hallo", ASKER)
        await telegram.begin(place(group, reply_to=asked), "")
        assert standin.transcript(group)[-1].reply_to == asked


async def test_a_deleted_question_is_answered_all_the_same() -> None:
    async with both() as (standin, telegram):
        group = standin.supergroup("Haus", ASKER, OTHER)
        asked = standin.say(group, "/ask Hallo", ASKER)
        standin.delete(group, asked)
        await telegram.begin(place(group, reply_to=asked), "")
        assert [shown.text for shown in standin.transcript(group)] == ["…"]


async def test_a_server_that_insists_on_the_question_gets_the_answer_without_it() -> None:
    async with both() as (standin, telegram):
        group = standin.supergroup("Haus", ASKER, OTHER)
        asked = standin.say(group, "/ask Hallo", ASKER)
        standin.fail_next("sendMessage", FaultKind.BAD_REQUEST, text="message to be replied not found")
        await telegram.begin(place(group, reply_to=asked), "")
        assert standin.transcript(group)[-1].reply_to is None


async def test_a_topic_is_answered_in_the_topic() -> None:
    async with both() as (standin, telegram):
        forum = standin.forum("Haus", ASKER)
        topic = standin.topic(forum, "Küche", ASKER)
        there = place(forum, topic)
        await telegram.typing(there)
        assert standin.types(forum, topic)
        await telegram.begin(there, "")
        assert standin.transcript(forum)[-1].topic == topic


async def test_a_deleted_topic_is_answered_in_the_group() -> None:
    async with both() as (standin, telegram):
        forum = standin.forum("Haus", ASKER)
        await telegram.begin(place(forum, 999), "")
        assert standin.transcript(forum)[-1].topic is None


async def test_a_chat_that_moved_is_written_to_where_it_is_now() -> None:
    async with both() as (standin, telegram):
        group = standin.group("Haus", ASKER)
        new = standin.migrate(group)
        there = place(group)
        message_id = await telegram.begin(there, "")
        calls = standin.calls["sendMessage"]
        await telegram.edit(there, message_id, Part("Hallo"), last=True)
        await telegram.begin(there, "")
        assert [shown.text for shown in standin.transcript(new)][-2:] == ["Hallo", "…"]
        assert standin.calls["sendMessage"] == calls + 1


# ── edits ────────────────────────────────────────────────────────────────────────────────────────────────────────────


async def test_an_edit_without_changes_is_accepted_as_done() -> None:
    async with both() as (standin, telegram):
        standin.say(ASKER, "Hallo")
        message_id = await telegram.begin(place(ASKER), "")
        async with started(standin) as successor:
            await successor.edit(place(ASKER), message_id, Part("…"), last=True)
        assert len(standin.transcript(ASKER)[-1].versions) == 1


async def test_what_stands_there_already_is_not_sent_again() -> None:
    async with both() as (standin, telegram):
        standin.say(ASKER, "Hallo")
        message_id = await telegram.begin(place(ASKER), "")
        for text in ("eins", "eins", "zwei", "eins"):
            await telegram.edit(place(ASKER), message_id, Part(text), last=False)
        assert standin.calls["editMessageText"] == 3
        assert standin.transcript(ASKER)[-1].text == "eins"


async def test_an_edit_that_failed_is_sent_again() -> None:
    async with both() as (standin, telegram):
        standin.say(ASKER, "Hallo")
        message_id = await telegram.begin(place(ASKER), "")
        standin.fail_next("editMessageText", FaultKind.SERVER_ERROR)
        with pytest.raises(PlatformUnreachable):
            await telegram.edit(place(ASKER), message_id, Part("eins"), last=False)
        await telegram.edit(place(ASKER), message_id, Part("eins"), last=False)
        assert standin.transcript(ASKER)[-1].text == "eins"


async def test_entities_that_telegram_refuses_are_left_out_and_call_nobody() -> None:
    async with both() as (standin, telegram):
        standin.say(ASKER, "Hallo")
        message_id = await telegram.begin(place(ASKER), "")
        standin.fail_next("editMessageText", FaultKind.BAD_REQUEST, text="can't parse entities: whatever")
        part = Part("fett für @anna", (Entity("bold", 0, 4),))
        await telegram.edit(place(ASKER), message_id, part, last=True)
        shown = standin.transcript(ASKER)[-1]
        assert (shown.text, shown.entities) == ("fett für ＠anna", ())


async def test_a_message_that_somebody_deleted_is_gone() -> None:
    async with both() as (standin, telegram):
        standin.say(ASKER, "Hallo")
        message_id = await telegram.begin(place(ASKER), "")
        standin.delete(ASKER, int(message_id))
        with pytest.raises(MessageGone):
            await telegram.edit(place(ASKER), message_id, Part("eins"), last=True)
        await telegram.remove(place(ASKER), message_id)


async def test_a_message_is_taken_back() -> None:
    async with both() as (standin, telegram):
        standin.say(ASKER, "Hallo")
        message_id = await telegram.begin(place(ASKER), "")
        await telegram.remove(place(ASKER), message_id)
        assert [shown.text for shown in standin.transcript(ASKER)] == ["Hallo"]


@pytest.mark.parametrize(
    ("kind", "error"), [(FaultKind.FORBIDDEN, Undeliverable), (FaultKind.BAD_REQUEST, Undeliverable)]
)
async def test_what_cannot_be_taken_back_says_why(kind: FaultKind, error: type[Exception]) -> None:
    async with both() as (standin, telegram):
        standin.say(ASKER, "Hallo")
        message_id = await telegram.begin(place(ASKER), "")
        standin.fail_next("deleteMessage", kind)
        with pytest.raises(error):
            await telegram.remove(place(ASKER), message_id)


async def test_only_its_own_parts_are_shown() -> None:
    async with both() as (_, telegram):
        with pytest.raises(TypeError):
            await telegram.edit(place(ASKER), "1", "Text", last=True)


async def test_a_long_answer_is_accepted_part_by_part() -> None:
    async with both(FREE) as (standin, telegram):
        standin.say(ASKER, "Hallo")
        markdown = "# Titel\n\n" + "Ein **Satz** mit `code` 😀. " * 400 + "\n\n```python\n" + "x = 1\n" * 900 + "```"
        made = telegram.parts(markdown)
        assert len(made) > 3
        for part in made:
            message_id = await telegram.begin(place(ASKER), "")
            await telegram.edit(place(ASKER), message_id, part, last=True)
        assert [shown.text for shown in standin.transcript(ASKER)[1:]] == [part.text for part in made]
