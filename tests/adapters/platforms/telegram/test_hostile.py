"""What people (and a model) may send to see what happens. See also ``tests/e2e``."""

from __future__ import annotations

import json
import sys
import time
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from adapters.platforms.telegram.entities import as_markdown
from adapters.platforms.telegram.formatting import parts
from adapters.platforms.telegram.normalise import Moved, Unreadable, normalise
from adapters.platforms.telegram.receiving import Receiver
from adapters.standins.telegram.world import Tuning
from tests.support.hostile import odd_json
from tests.support.telegram import ASKER
from tests.support.telegram_desk import GROUP, PRIVATE, US, Desk, both, message, place

JSON = odd_json(
    "id", "type", "text", "offset", "length", "user", "url", "first_name", "file_name", "file_size", "title"
)
FIELDS = (
    *("message_id", "date", "chat", "from", "sender_chat", "text", "caption", "entities", "caption_entities", "quote"),
    *("photo", "document", "voice", "contact", "poll", "reply_to_message", "message_thread_id", "is_topic_message"),
    *("edit_date", "migrate_to_chat_id", "is_automatic_forward", "hologram"),
)
BEYOND = (1 << 63, -(1 << 63) - 1, 10**4000, True, 1.0, "5")

CPU_SECONDS = 5.0
"""A bound that a busy machine does not reach; without the limits in the code it takes 24 s and more."""


@settings(deadline=None)
@given(st.dictionaries(st.sampled_from(FIELDS), JSON), st.sampled_from([PRIVATE, GROUP]), st.booleans())
@example({"chat": {"id": 10**4000, "type": "private"}}, PRIVATE, False)
def test_whatever_an_update_holds_it_is_read_or_unreadable(raw: dict[str, Any], chat: Any, edited: bool) -> None:  # noqa: FBT001 - drawn
    body = message("Hallo", chat)["message"] | raw
    try:
        read = normalise({"update_id": 1, "edited_message" if edited else "message": body}, US)
    except Unreadable:
        return
    if read is None or isinstance(read, Moved):
        return
    # What was read can be stored, and answered.
    repr(read).encode()
    assert abs(int(read.conversation.channel)) <= 1 << 63
    assert read.conversation.thread == "" or int(read.conversation.thread)
    assert all(-(1 << 63) <= (file.size or 0) < 1 << 63 for file in read.attachments)


@settings(deadline=None)
@given(JSON | st.dictionaries(st.sampled_from(["update_id", "message", "edited_message"]), JSON))
def test_what_is_no_update_at_all_is_unreadable_or_not_for_us(update: object) -> None:
    try:
        assert normalise(update, US) is None
    except Unreadable:
        return


@pytest.mark.parametrize("number", BEYOND)
@pytest.mark.parametrize("name", ["message_id", "date", "edit_date", "chat", "from"])
def test_a_number_that_is_none_of_telegrams_is_unreadable(name: str, number: object) -> None:
    value = {"id": number, "type": "private"} if name in {"chat", "from"} else number
    with pytest.raises(Unreadable):
        normalise({"update_id": 1, "edited_message": message("Hallo", edit_date=1)["message"] | {name: value}}, US)


async def test_an_update_that_is_nested_as_deeply_as_can_be_read_is_kept() -> None:
    desk = Desk()
    receiver = Receiver(desk, US, lambda _old, _new: None)
    kept = 0
    for depth in range(sys.getrecursionlimit() - 80, sys.getrecursionlimit()):
        raw = '{"update_id": 1, "message": {"x": ' + "[" * depth + "]" * depth + "}}"
        try:
            update = json.loads(raw)
        except RecursionError:
            break
        await receiver.take(update)
        kept += 1
    assert kept
    assert len(desk.kept) == kept
    assert desk.kept[-1][0].count("[") == sys.getrecursionlimit() - 81 + kept


def test_a_message_with_endless_formatting_holds_nobody_up() -> None:
    text = "ab " * 20_000
    entities = [{"type": "bold", "offset": 0, "length": end} for end in range(1, 20_000)]
    begun = time.process_time()
    said = as_markdown(text, entities, US)
    assert time.process_time() - begun < CPU_SECONDS
    assert said.text.replace("*", "") == text.strip()


@pytest.mark.parametrize(
    "text",
    ["1. " * 500, "* 1. " * 300, "- > " * 600, "|" + "x" * 1500 + "|b|\n|-|-|\n" + "|1|2|\n" * 300],
    ids=["numbers", "lists", "quotes", "table"],
)
def test_no_answer_becomes_many_times_as_long_as_it_was_written(text: str) -> None:
    begun = time.process_time()
    shown = parts(text)
    assert time.process_time() - begun < CPU_SECONDS
    assert sum(len(part.text) for part in shown) <= 4 * len(text) + 2000
    assert len(shown) <= 3


def test_a_list_and_a_table_keep_their_form_while_they_are_of_a_reasonable_size() -> None:
    (part,) = parts("1. a\n   1. b\n      - c\n\n|Spalte eins|b|\n|-|-|\n" + "|1|2|\n" * 40)
    assert any(entity.kind == "pre" for entity in part.entities)
    assert "1. b" in part.text


async def test_an_answer_to_a_message_that_the_library_can_not_read_is_sent_once() -> None:
    # Telegram's answer to a call holds the message that it replies to, whatever new kind that is.
    async with both(Tuning(limits=None)) as (standin, telegram):
        group = standin.supergroup("Haus", ASKER)
        odd = {"document": {"hologram": True}, "poll": [], "entities": "?"}
        asked = standin.say(group, "/ask Hallo", ASKER, fields=odd)
        there = place(group, reply_to=asked)
        message_id = await telegram.begin(there, "send")
        await telegram.edit(there, message_id, telegram.parts("Hallo!")[0], last=True)
        ours = [shown for shown in standin.transcript(group) if shown.from_bot]
        assert [(shown.text, shown.reply_to) for shown in ours] == [("Hallo!", asked)]
