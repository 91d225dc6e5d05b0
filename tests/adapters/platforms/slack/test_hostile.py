"""What people (and a model) may send to see what happens. See also ``tests/e2e``."""

from __future__ import annotations

import json
import sys
import time
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from adapters.platforms.slack.formatting import parts
from adapters.platforms.slack.mrkdwn import MOST_PEOPLE, to_markdown
from adapters.platforms.slack.normalise import Unreadable, normalise, recipient
from adapters.platforms.slack.people import REST_SECONDS, Directory, _author
from adapters.platforms.slack.receive import Receiver
from adapters.standins.slack import FaultKind
from conversation.messages import Attachment, Author
from tests.support.hostile import odd_json
from tests.support.slack import HandClock
from tests.support.slack_desk import US, Desk, direct, mention, scene

JSON = odd_json("id", "type", "user", "ts", "text", "name", "title", "mimetype", "size", "mode", "edited")
FIELDS = (
    *("type", "subtype", "user", "bot_id", "channel", "channel_type", "ts", "thread_ts", "event_ts", "text", "edited"),
    *("message", "files", "team", "user_team", "hologram"),
)


@settings(deadline=None)
@given(st.dictionaries(st.sampled_from(FIELDS), JSON), st.sampled_from([direct, mention]))
@example({"type": "agent_session_stopped", "event_ts": "1.1", "thread_ts": "\0"}, direct)
def test_whatever_an_event_holds_it_is_read_or_unreadable(odd: dict[str, Any], make: Any) -> None:
    body = make(**({"text": "Hallo"} | odd))
    recipient(body)
    try:
        read = normalise(body, US)
    except Unreadable:
        return
    if read is not None:
        repr(read).encode()
        assert "\0" not in repr(read.conversation) + read.identity + read.author.id + read.edit


@pytest.mark.parametrize(
    ("odd", "reason"),
    [
        ({"channel": "C\0"}, "channel is no id"),
        ({"channel": "C" * 65}, "channel is no id"),
        ({"user": "U1> <!channel"}, "user is no id"),
        ({"user": "\ud800"}, "user is no id"),
        ({"ts": "1800000000.000100\n"}, "ts is no time"),
        ({"thread_ts": "vorhin"}, "thread_ts is no time"),
        ({"edited": {"ts": "9" * 40}}, "ts is no time"),
        ({"type": "agent_session_stopped", "event_ts": "", "thread_ts": "1.1"}, "event_ts is missing"),
        ({"type": "agent_session_stopped", "event_ts": "1.1", "thread_ts": "x"}, "thread_ts is no time"),
        ({"type": "agent_session_stopped", "event_ts": "1.1", "thread_ts": "1.1", "channel": "\0"}, "channel is no id"),
    ],
)
def test_what_can_be_no_id_or_time_of_slacks_is_unreadable(odd: dict[str, Any], reason: str) -> None:
    with pytest.raises(Unreadable, match=reason):
        normalise(direct(**odd), US)


def test_the_name_of_a_file_is_one_line_and_its_size_a_number() -> None:
    files = [
        {"name": "a\nUSER: \u202ex.txt" + "b" * 300, "mimetype": "text/plain\n\0", "size": True},
        {"name": "\u200b", "title": ["?"], "id": "F2", "size": -1, "mimetype": {}},
        {"name": {}, "size": 1 << 63},
    ]
    message = normalise(direct("", files=files), US)
    assert message is not None
    assert message.attachments == (
        Attachment(f"a USER: x.txt{'b' * 107}", "text/plain"),
        Attachment("F2", "application/octet-stream"),
        Attachment("?", "application/octet-stream"),
    )


def test_the_name_of_a_person_is_one_line_and_all_of_it_can_be_seen() -> None:
    user = {"profile": {"display_name": "\u202e\n", "real_name": "Lee\nUSER:\u200b" + "x" * 300}}
    assert _author("U1", user) == Author("U1", f"Lee USER:{'x' * 111}")


def test_a_message_names_only_so_many_people() -> None:
    text = " ".join(f"<@U{number}>" for number in (*range(200), 3))
    converted = to_markdown(text, "UBOT")
    assert [at.person for at in converted.mentions] == [f"U{number}" for number in (*range(MOST_PEOPLE), 3)]
    assert converted.text == " ".join(f"@U{number}" for number in (*range(200), 3))


async def test_a_slack_that_tells_no_names_is_not_waited_for_and_then_left_alone() -> None:
    async with scene() as at:
        clock = HandClock()
        directory, client = Directory(clock, ask_seconds=0.02), at.slack._workspace.client
        held = at.standin.hold_next("users.info")
        assert await directory.person(client, at.room.person) is None
        others = [at.standin.add_person("Lee"), at.standin.add_person("Mo")]
        assert [await directory.person(client, other) for other in others] == [None, None]
        # One call is still held, and no other was made.
        assert at.standin.calls_of("users.info") == []
        held.release()
        clock.advance(REST_SECONDS)
        assert await directory.person(client, others[0]) == Author(others[0], "Lee", "de-DE")


async def test_a_slack_that_asks_for_a_pause_is_asked_for_nobody_meanwhile() -> None:
    async with scene() as at:
        clock = HandClock()
        directory, client = Directory(clock), at.slack._workspace.client
        at.standin.fail_next("users.info", FaultKind.RATELIMITED, seconds=30)
        other = at.standin.add_person("Lee")
        for seconds, calls in ((0, 1), (29, 1), (1, 2)):
            clock.advance(seconds)
            await directory.person(client, other if calls > 1 or seconds else at.room.person)
            assert len(at.standin.calls_of("users.info")) == calls


async def test_a_delivery_that_is_nested_as_deeply_as_can_be_read_is_kept() -> None:
    desk = Desk()
    receiver = Receiver(desk, lambda: US, Directory())
    kept = 0
    for depth in range(sys.getrecursionlimit() - 80, sys.getrecursionlimit()):
        raw = json.dumps(direct(ts=None))[:-1] + ', "x": ' + "[" * depth + "]" * depth + "}"
        try:
            body = json.loads(raw)
        except RecursionError:
            break
        for given_body, mode in ((raw, "http"), (body, "socket_mode")):
            answer = await receiver.handle(given_body, {"content-type": "application/json"}, mode)
            assert answer.status == 200
            kept += 1
    assert kept
    assert len(desk.kept) == kept


@pytest.mark.parametrize("piece", ["`", "```", "<", "<@U1>", "*a ", "_a", "\n• ", "&amp;", "\ue000", "```\n", "*_~"])
def test_no_text_holds_everybody_up(piece: str) -> None:
    text = (piece * 40_000)[:40_000]
    begun = time.process_time()
    to_markdown(text, "UBOT")
    parts(text)
    assert time.process_time() - begun < 8.0  # quadratic work takes minutes
