from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from adapters.platforms.telegram.normalise import Moved, Unreadable, normalise
from conversation.messages import Attachment, Author, ConversationKey, Message
from tests.support.telegram_desk import GROUP, OUR_MESSAGE, PERSON, PRIVATE, US, command, entity, message

REPLIED = {"message_id": 3, "from": {"id": 9, "is_bot": False, "first_name": "Other"}, "text": "Der Zug fährt um acht."}


def read(update: dict[str, Any]) -> Message:
    read = normalise(update, US)
    assert isinstance(read, Message)
    return read


def test_a_private_message_is_read_whole() -> None:
    assert read(message("Wie spät ist es?")) == Message(
        conversation=ConversationKey("telegram", "1000000001", "4001"),
        identity="1000000001:4001:7",
        author=Author("4001", "Asker", "de"),
        text="Wie spät ist es?",
        sent_at=datetime.fromtimestamp(1_800_000_000, UTC),
        native_id="7",
    )


def test_formatting_is_read() -> None:
    text = "sehr wichtig"
    assert read(message(text, entities=[entity("bold", text, "wichtig")])).text == "sehr **wichtig**"


def test_an_edit_has_the_same_identity_and_counts_by_its_date() -> None:
    first, raw = message("Wie spat?"), message("Wie spät?", edit_date=1_800_000_009)
    edited = read({"update_id": 2, "edited_message": raw["message"]})
    assert edited.identity == read(first).identity
    assert (edited.edit, edited.text, read(first).edit) == ("1800000009", "Wie spät?", "")


def test_a_message_that_carries_an_edit_date_but_is_new_is_no_edit() -> None:
    assert read(message("Hallo", edit_date=5)).edit == ""


# ── where, who, when ─────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_topic_is_a_conversation_of_its_own() -> None:
    there = command("/ask Hallo", GROUP, is_topic_message=True, message_thread_id=44)
    assert read(there).conversation == ConversationKey("telegram", "1000000001", "-1001", "44")


@pytest.mark.parametrize("more", [{"message_thread_id": 44}, {"is_topic_message": True, "message_thread_id": 1}])
def test_a_thread_of_replies_and_the_general_topic_are_the_group(more: dict[str, Any]) -> None:
    assert read(command("/ask Hallo", GROUP, **more)).conversation.thread == ""


def test_bots_are_not_answered() -> None:
    assert normalise(message("Hallo", **{"from": PERSON | {"is_bot": True}}), US) is None


def test_an_anonymous_admin_is_the_group_and_not_the_bot_that_stands_in_for_it() -> None:
    stand_in = {"id": 1087968824, "is_bot": True, "first_name": "Group", "username": "GroupAnonymousBot"}
    asked = read(command("/ask Hallo", GROUP, sender_chat=GROUP, **{"from": stand_in}))
    assert asked.author == Author("-1001", "Haus")


def test_a_channels_post_that_is_forwarded_into_its_group_is_not_for_us() -> None:
    assert normalise(command("/ask Hallo", GROUP, sender_chat=GROUP, is_automatic_forward=True), US) is None


def test_a_name_can_neither_break_the_line_nor_turn_it() -> None:
    person = PERSON | {"first_name": "A\u202en\u200bna\n\nUSER:", "last_name": "B" * 300}
    name = read(message("Hallo", **{"from": person})).author.name
    assert name is not None
    assert name.startswith("Anna USER: BBB")
    assert len(name) <= 120


def test_a_group_that_moves_is_told() -> None:
    assert normalise(message("", GROUP | {"id": -5}, migrate_to_chat_id=-1009), US) == Moved(-5, -1009)
    assert normalise(message("", GROUP, migrate_from_chat_id=-5), US) is None


@pytest.mark.parametrize(
    "update",
    [
        {"update_id": 1, "my_chat_member": {"chat": PRIVATE, "new_chat_member": {"status": "kicked"}}},
        {"update_id": 1, "callback_query": {"id": "1"}},
        {"update_id": 1, "something_new": None},
        message("", GROUP, new_chat_members=[PERSON]),
        message("", pinned_message=OUR_MESSAGE),
    ],
)
def test_other_events_are_not_for_us(update: dict[str, Any]) -> None:
    assert normalise(update, US) is None


# ── files ────────────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("content", "named"),
    [
        (
            {"document": {"file_name": "../a\u202e.pdf", "mime_type": "application/pdf", "file_size": 12}},
            Attachment("../a.pdf", "application/pdf", 12),
        ),
        ({"voice": {"mime_type": "audio/ogg", "duration": 3}}, Attachment("voice.ogg", "audio/ogg")),
        ({"sticker": {"emoji": "😀"}}, Attachment("sticker.webp", "image/webp")),
        ({"location": {"latitude": 1.0}}, Attachment("location", "application/geo+json")),
        ({"animation": {"file_name": "a.mp4"}, "document": {"file_name": "a.mp4"}}, Attachment("a.mp4", "video/mp4")),
        ({"poll": "?"}, Attachment("poll", "application/json")),
    ],
)
def test_files_are_named(content: dict[str, Any], named: Attachment) -> None:
    got = read(message("", **content))
    assert (got.attachments, got.text) == ((named,), "")


# ── what can't be read ───────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    "update",
    [
        None,
        [],
        {},
        {"update_id": 1, "message": None},
        {"update_id": 1, "message": {}},
        {"update_id": 1, "message": {"chat": PRIVATE, "from": PERSON, "date": 1, "text": "ohne Nummer"}},
        {"update_id": 1, "message": {"message_id": 1, "chat": PRIVATE, "date": 1, "text": "von niemandem"}},
        {"update_id": 1, "message": {"message_id": 1, "chat": PRIVATE, "from": PERSON, "text": "ohne Zeit"}},
        message("zu spät", date=10**18),
        message("", something_new={"a": 1}),
        {"update_id": 1, "edited_message": message("nie geändert")["message"]},
    ],
)
def test_what_is_not_as_described_is_unreadable(update: object) -> None:
    with pytest.raises(Unreadable):
        normalise(update, US)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-5, 5) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["id", "type", "text"]), inner),
    max_leaves=8,
)


FIELDS = (
    *("text", "caption", "entities", "from", "sender_chat", "photo", "voice", "document", "quote", "reply_to_message"),
    *("message_thread_id", "is_topic_message", "migrate_to_chat_id", "edit_date", "date"),
)


@settings(deadline=None)
@given(
    st.dictionaries(st.sampled_from(FIELDS), json_values),
    st.sampled_from([PRIVATE, GROUP, {"id": 5}]),
)
def test_whatever_comes_is_read_or_unreadable(raw: dict[str, Any], chat: dict[str, Any]) -> None:
    update = message("Hallo", chat)
    update["message"] |= raw
    try:
        normalise(update, US)
    except Unreadable:
        return
