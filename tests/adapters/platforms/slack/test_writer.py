from __future__ import annotations

from dataclasses import replace

import pytest

from adapters.platforms.slack import formatting
from adapters.platforms.slack.pacing import Tier
from adapters.standins.slack import FaultKind
from tests.support.slack import HandClock
from tests.support.slack_desk import scene, without_streams

METADATA = {"event_type": "plausch_answer", "event_payload": {"turn": "turn", "send": "s1"}}


async def test_an_answer_is_streamed_into_the_questions_thread() -> None:
    async with scene() as at:
        place = await at.question()
        ts = await at.slack.begin(place, "s1")
        assert at.ours(place)[0].streaming
        for text in ("Es ist", "Es ist `zwölf", "Es ist `zwölf` <Uhr>."):
            await at.write(place, ts, text)
        await at.write(place, ts, "Es ist `zwölf` <Uhr>.", last=True)
        (line,) = at.ours(place)
        assert (line.ts, line.text, line.streaming) == (ts, "Es ist `zwölf` &lt;Uhr&gt;.", False)
        assert line.metadata == METADATA
        assert at.calls() == ["chat.startStream", "chat.appendStream", "chat.appendStream", "chat.stopStream"]


async def test_a_direct_message_is_streamed_without_naming_its_reader() -> None:
    async with scene() as at:
        ts = await at.standin.say(at.room.direct, "Hallo", at.room.person)
        await at.slack.begin(at.place(at.room.direct, ts), "s1")
        (call,) = at.standin.calls_of("chat.startStream")
        assert "recipient_user_id" not in call.arguments


async def test_a_guests_own_team_is_asked_for_where_no_message_has_told_it() -> None:
    async with scene() as at:
        guest = at.standin.add_person("Robin", team="T0000000GST")
        ts = await at.standin.say(at.room.channel, "Hallo", guest, mention=True)
        await at.slack.begin(at.place(at.room.channel, ts, person=guest), "s1")
        assert at.calls() == ["chat.startStream"]
        (call,) = at.standin.calls_of("chat.startStream")
        assert call.arguments["recipient_team_id"] == "T0000000GST"


async def test_what_was_held_back_while_streaming_is_right_at_the_end() -> None:
    async with scene() as at:
        place = await at.question()
        ts = await at.slack.begin(place, "s1")
        await at.write(place, ts, "Nimm `x")
        assert at.answer(place) == "Nimm"
        await at.write(place, ts, "Nimm `x", last=True)
        assert at.answer(place) == "Nimm `x"


async def test_an_ending_that_differs_from_what_was_streamed_replaces_it() -> None:
    async with scene() as at:
        place = await at.question()
        ts = await at.slack.begin(place, "s1")
        await at.write(place, ts, "Es ist zwölf")
        await at.write(place, ts, "Ganz anders.", last=True)
        (line,) = at.ours(place)
        assert (line.text, line.metadata) == ("Ganz anders.", METADATA)
        assert at.calls()[-2:] == ["chat.stopStream", "chat.update"]


async def test_a_text_that_changes_on_its_way_is_put_by_updates_from_there_on() -> None:
    async with scene() as at:
        place = await at.question()
        ts = await at.slack.begin(place, "s1")
        for text in ("Es ist zwölf", "Moment: ```\nx = 1", "Moment: ```\nx = 1\ny = 2"):
            await at.write(place, ts, text)
            assert at.answer(place) == formatting.parts(text)[0].text
        assert at.calls()[-3:] == ["chat.stopStream", "chat.update", "chat.update"]


async def test_a_shorter_frame_leaves_the_stream_alone() -> None:
    async with scene() as at:
        place = await at.question()
        ts = await at.slack.begin(place, "s1")
        await at.write(place, ts, "Es ist zwölf")
        await at.write(place, ts, "Es ist")
        await at.write(place, ts, "Es ist zwölf Uhr.", last=True)
        assert at.answer(place) == "Es ist zwölf Uhr."
        assert "chat.update" not in at.calls()


async def test_a_stream_that_slack_ended_goes_on_by_updates() -> None:
    clock = HandClock()
    async with scene(clock=clock) as at:
        place = await at.question()
        ts = await at.slack.begin(place, "s1")
        await at.write(place, ts, "Es ist")
        clock.advance(301)
        await at.write(place, ts, "Es ist zwölf")
        assert at.answer(place) == "Es ist zwölf"
        await at.write(place, ts, "Es ist zwölf Uhr.", last=True)
        assert at.answer(place) == "Es ist zwölf Uhr."
        assert at.calls()[-2:] == ["chat.update", "chat.update"]


async def test_a_stream_that_slack_ended_before_the_last_write_gets_the_whole() -> None:
    clock = HandClock()
    async with scene(clock=clock) as at:
        place = await at.question()
        ts = await at.slack.begin(place, "s1")
        await at.write(place, ts, "Es ist")
        clock.advance(301)
        await at.write(place, ts, "Es ist zwölf", last=True)
        assert at.answer(place) == "Es ist zwölf"


async def test_a_stream_that_the_person_stopped_can_still_be_completed() -> None:
    async with scene() as at:
        place = await at.question()
        ts = await at.slack.begin(place, "s1")
        await at.write(place, ts, "Es ist")
        await at.standin.stop_session(at.room.channel, place.reply_to, at.room.person)
        await at.write(place, ts, "Es ist\n\n(beendet)", last=True)
        assert at.answer(place) == "Es ist\n\n(beendet)"


async def test_without_streams_one_post_is_updated() -> None:
    async with scene() as at:
        without_streams(at)
        place = await at.question()
        ts = await at.slack.begin(place, "s1")
        assert (at.answer(place), at.ours(place)[0].metadata) == ("…", METADATA)
        (call,) = at.standin.calls_of("chat.postMessage")
        assert (call.arguments["unfurl_links"], call.arguments["unfurl_media"]) == (False, False)
        await at.write(place, ts, "Es ist")
        await at.write(place, ts, "Es ist <zwölf>", last=True)
        assert at.answer(place) == "Es ist &lt;zwölf&gt;"
        assert at.calls() == ["chat.postMessage", "chat.update", "chat.update"]
        assert all(call.arguments["link_names"] is False for call in at.standin.calls_of("chat.update"))


async def test_where_slack_knows_no_streams_none_is_asked_for_again() -> None:
    async with scene() as at:
        without_streams(at)
        await at.slack.begin(await at.question(), "s1")
        await at.slack.begin(await at.question(), "s2")
        assert len(at.standin.calls_of("chat.startStream")) == 1


async def test_a_refused_stream_here_does_not_mean_none_elsewhere() -> None:
    async with scene() as at:
        at.standin.fail_next("chat.startStream", FaultKind.ERROR, error="missing_recipient_team_id")
        at.standin.fail_next("chat.startStream", FaultKind.ERROR, error="user_not_found")
        for _ in range(3):
            await at.slack.begin(await at.question(), "s1")
        assert at.calls() == ["chat.postMessage", "chat.postMessage", "chat.startStream"]


async def test_when_the_budget_of_streams_is_gone_answers_are_posted() -> None:
    async with scene() as at:
        at.standin.fail_next("chat.startStream", FaultKind.RATELIMITED, seconds=30)
        for _ in range(2):
            await at.slack.begin(await at.question(), "s1")
        assert len(at.standin.calls_of("chat.startStream")) == 1
        assert at.calls() == ["chat.postMessage", "chat.postMessage"]
        at.time.now += 60
        await at.slack.begin(await at.question(), "s1")
        assert at.calls()[-1] == "chat.startStream"


@pytest.mark.parametrize("streams", [True, False])
async def test_a_message_is_taken_back(streams: bool) -> None:  # noqa: FBT001 - a parameter of the test
    async with scene() as at:
        if not streams:
            without_streams(at)
        place = await at.question()
        ts = await at.slack.begin(place, "s1")
        await at.slack.remove(place, ts)
        assert at.ours(place) == []
        await at.slack.remove(place, ts)


async def test_two_parts_are_two_messages_in_one_thread() -> None:
    async with scene() as at:
        place = await at.question()
        text = "\n\n".join(f"Absatz {number}: {'Wort ' * 150}" for number in range(20))
        parts = at.slack.parts(text)
        ids = [await at.slack.begin(place, f"s{number}") for number in range(len(parts))]
        for message_id, part in zip(ids, parts, strict=True):
            await at.slack.pace(place, last=True)
            await at.slack.edit(place, message_id, part, last=True)
        assert [line.text for line in at.ours(place)] == [part.text for part in parts]
        assert len(parts) > 1
        assert not any(line.streaming for line in at.ours(place))


async def test_the_pace_is_that_of_the_method_that_comes_next() -> None:
    async with scene() as at:
        place = await at.question()
        ts = await at.slack.begin(place, "s1")
        for tier in (Tier.APPEND, Tier.STOP):
            at.slack._pacer.bucket(tier).pause(50)
        for last in (False, True):
            began = at.time.now
            await at.slack.pace(place, last=last)
            assert at.time.now - began >= (50 if not last else 0)
        await at.slack.edit(place, ts, at.slack.parts("Zwölf.")[0], last=True)
        at.slack._pacer.bucket(Tier.UPDATE).pause(40)
        began = at.time.now
        await at.slack.pace(place, last=True)
        assert at.time.now - began >= 40


async def test_another_platforms_part_is_a_mistake() -> None:
    async with scene() as at:
        place = replace(await at.question(), turn_id="other")
        with pytest.raises(TypeError):
            await at.slack.edit(place, "1.1", "text", last=True)


async def test_a_message_that_was_forgotten_is_written_on_as_after_a_restart(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("adapters.platforms.slack.writer._MOST", 1)
    async with scene() as at:
        first, second = await at.question(), await at.question()
        ids = [await at.slack.begin(place, "s1") for place in (first, second)]
        for place, ts in zip((first, second), ids, strict=True):
            await at.write(place, ts, "Zwölf.", last=True)
            assert at.answer(place) == "Zwölf."
        assert at.calls().count("chat.update") == 1
