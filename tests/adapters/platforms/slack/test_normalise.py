from __future__ import annotations

from contextlib import suppress
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.platforms.slack.normalise import Unreadable, normalise, recipient
from adapters.standins.slack import BOT_USER, TEAM
from conversation.messages import Attachment, Author, ConversationKey, Mention
from tests.support.slack_desk import TS, US, direct, mention


def changed(body: dict[str, Any], **more: Any) -> dict[str, Any]:
    written = body["event"] | {"edited": {"user": "U1", "ts": "1800000060.000200"}} | more
    channel = {key: written.pop(key) for key in ("channel", "channel_type") if key in written}
    event = channel | {"type": "message", "subtype": "message_changed", "ts": "1800000060.000300", "message": written}
    return body | {"event": event}


def test_a_mention_opens_a_conversation_with_its_own_thread() -> None:
    message = normalise(mention(f"<@{BOT_USER}> frag <@U2>"), US)
    assert message is not None
    assert message.conversation == ConversationKey("slack", TEAM, "C1", TS)
    assert (message.identity, message.native_id) == (f"{TEAM}:C1:{TS}", TS)
    assert (message.author, message.text) == (Author("U1"), "frag @U2")
    assert message.mentions == (Mention(5, 8, "U2"),)
    assert message.sent_at == datetime(2027, 1, 15, 8, 0, 0, 100, tzinfo=UTC)
    assert (message.direct, message.mentioned, message.addressed, message.edit) == (False, True, True, "")


def test_a_message_in_a_thread_belongs_to_the_threads_conversation() -> None:
    message = normalise(mention(thread_ts="1700000000.000001"), US)
    assert message is not None
    assert message.conversation.thread == "1700000000.000001"


def test_a_direct_message_opens_a_conversation_too() -> None:
    message = normalise(direct("Hallo"), US)
    assert message is not None
    assert message.conversation == ConversationKey("slack", TEAM, "D1", TS)
    assert (message.direct, message.mentioned) == (True, False)


def test_a_mention_is_the_same_message_under_both_its_events() -> None:
    assert normalise(mention(), US) == normalise(mention(type="message", channel_type="channel"), US)


def test_what_is_said_in_a_channel_without_us_is_not_for_us() -> None:
    assert normalise(mention("Hallo zusammen", type="message", channel_type="channel"), US) is None


@pytest.mark.parametrize(
    "more",
    [
        {"subtype": "channel_join"},
        {"subtype": "message_deleted"},
        {"subtype": "bot_message", "bot_id": "B2"},
        {"bot_id": "B2"},
        {"user": BOT_USER},
        {"user": "USLACKBOT"},
        {"type": "reaction_added"},
        {"type": "app_home_opened"},
    ],
)
def test_what_no_person_wrote_is_not_for_us(more: dict[str, Any]) -> None:
    assert normalise(direct(**more), US) is None


@pytest.mark.parametrize("subtype", ["file_share", "me_message", "thread_broadcast"])
def test_what_a_person_wrote_in_another_form_is_for_us(subtype: str) -> None:
    assert normalise(direct(subtype=subtype), US) is not None


def test_files_are_named_and_not_fetched() -> None:
    files = [
        {"name": "a.pdf", "mimetype": "application/pdf", "size": 12},
        {"id": "F2", "size": "viel"},
        {"id": "F3", "mode": "tombstone"},
        "odd",
    ]
    message = normalise(direct("", subtype="file_share", files=files), US)
    assert message is not None
    assert message.attachments == (
        Attachment("a.pdf", "application/pdf", 12),
        Attachment("F2", "application/octet-stream", None),
    )


def test_an_edit_is_a_revision_of_the_same_message() -> None:
    before, after = normalise(direct(), US), normalise(changed(direct("Hallo!")), US)
    assert before is not None
    assert after is not None
    assert (after.identity, after.conversation, after.native_id) == (before.identity, before.conversation, TS)
    assert (after.text, after.edit, after.direct) == ("Hallo!", "1800000060.000200", True)


def test_a_mention_that_comes_after_an_edit_is_a_revision_as_well() -> None:
    message = normalise(mention(edited={"user": "U1", "ts": "1800000060.000200"}), US)
    assert message is not None
    assert message.edit == "1800000060.000200"


def test_a_change_that_slack_made_by_itself_is_no_edit() -> None:
    assert normalise(changed(direct(), edited=None), US) is None
    assert normalise(changed(direct(), bot_id="B2"), US) is None


def test_what_can_not_be_stored_does_not_move_mentions() -> None:
    message = normalise(direct("\0\ud800a <@U2>"), US)
    assert message is not None
    assert message.text[message.mentions[0].start : message.mentions[0].end] == "@U2"


def test_the_stop_button_is_the_command_stop_in_its_thread() -> None:
    event = {"type": "agent_session_stopped", "channel": "C1", "thread_ts": TS, "user": "U1"}
    message = normalise({"event": event | {"event_ts": "1800000099.000001"}}, US)
    assert message is not None
    assert message.conversation == ConversationKey("slack", TEAM, "C1", TS)
    assert message.identity == f"{TEAM}:C1:stop:1800000099.000001"
    assert (message.text, message.mentioned, message.direct, message.native_id) == ("stop", True, False, TS)


@pytest.mark.parametrize(
    ("more", "reason"),
    [
        ({"text": None}, "text is missing or no text"),
        ({"user": 7}, "user is missing or no text"),
        ({"channel": ""}, "channel is missing or no text"),
        ({"ts": None}, "ts is missing or no text"),
        ({"ts": "gestern"}, "ts is no time"),
        ({"ts": "9" * 40}, "ts is no time"),
        ({"thread_ts": 5}, "thread_ts is missing or no text"),
        ({"edited": {}}, "ts is missing or no text"),
        ({"subtype": "message_changed"}, "message is missing or no object"),
    ],
)
def test_an_odd_event_is_unreadable_and_says_why(more: dict[str, Any], reason: str) -> None:
    with pytest.raises(Unreadable, match=reason):
        normalise(direct(**more), US)


def test_an_event_without_an_event_is_unreadable() -> None:
    with pytest.raises(Unreadable):
        normalise({"event": "?"}, US)


def test_the_authors_own_team_is_known() -> None:
    assert recipient(mention(user_team="T2")) == ("U1", "T2")
    assert recipient(mention()) == ("U1", TEAM)
    assert recipient(mention(team=None)) is None
    assert recipient({"event": []}) is None


JSON = st.recursive(st.none() | st.booleans() | st.integers() | st.text(max_size=5), st.lists, max_leaves=4)
FIELDS = ["type", "subtype", "user", "channel", "ts", "thread_ts", "text", "edited", "message", "files", "bot_id"]


@given(st.dictionaries(st.sampled_from(FIELDS), JSON | st.dictionaries(st.sampled_from(FIELDS), JSON)))
def test_no_event_makes_it_fail_in_another_way(odd: dict[str, Any]) -> None:
    with suppress(Unreadable):
        normalise(direct(**odd), US)
