from __future__ import annotations

import pytest

from adapters.standins.slack import FaultKind
from conversation.errors import OutcomeUnknown, PlatformUnreachable, TooFast
from tests.support.slack_desk import scene


async def test_a_post_that_was_cut_is_found_by_its_metadata() -> None:
    async with scene() as at:
        at.standin.fail_next("chat.startStream", FaultKind.ERROR, error="unknown_method")
        place = await at.question()
        at.standin.fail_next("chat.postMessage", FaultKind.RESET_AFTER)
        with pytest.raises(OutcomeUnknown):
            await at.slack.begin(place, "s1")
        (line,) = at.ours(place)
        async with at.restarted() as again:
            assert await again.slack.find(place, "s1") == line.ts
            assert await again.slack.find(place, "s2") is None


async def test_a_stream_that_was_begun_before_a_crash_is_found_and_ended() -> None:
    async with scene() as at:
        place = await at.question()
        at.standin.fail_next("chat.startStream", FaultKind.RESET_AFTER)
        with pytest.raises(OutcomeUnknown):
            await at.slack.begin(place, "s1")
        async with at.restarted() as again:
            ts = await again.slack.find(place, "s1")
            assert ts is not None
            assert ts == at.ours(place)[0].ts
            await again.write(place, ts, "Zwölf.", last=True)
        (line,) = at.ours(place)
        assert (line.text, line.streaming) == ("Zwölf.", False)


async def test_what_was_never_sent_is_not_found() -> None:
    async with scene() as at:
        place = await at.question()
        await at.standin.say(at.room.channel, "ich auch", at.room.person, thread_ts=place.reply_to)
        assert await at.slack.find(place, "s1") is None


async def test_answers_that_are_known_or_older_are_not_taken_for_it() -> None:
    async with scene() as at:
        first = await at.question()
        await at.write(first, await at.slack.begin(first, "s0"), "Eins.", last=True)
        old = await at.slack.begin(first, "s0b")
        ts = await at.standin.say(at.room.channel, "und?", at.room.person, thread_ts=first.reply_to, mention=True)
        second = at.place(at.room.channel, first.reply_to, reply_to=ts)
        async with at.restarted() as again:
            assert await again.slack.find(second, "s1") is None
            assert await again.slack.find(first, "s0b") == old
            begun = await again.slack.begin(second, "s1")
            assert await again.slack.find(second, "other") is None
            assert await at.slack.find(second, "other") == begun


async def test_the_newest_unknown_message_is_the_one() -> None:
    async with scene() as at:
        place = await at.question()
        for number in range(2):
            await at.slack.begin(place, f"s{number}")
        async with at.restarted() as again:
            assert await again.slack.find(place, "s1") == at.ours(place)[1].ts


async def test_a_long_thread_is_read_page_by_page_up_to_a_bound() -> None:
    async with scene(unlisted=True, rates={}) as at:
        at.standin._web_api._buckets.rates = {}
        place = await at.question()
        for number in range(20):
            await at.standin.say(at.room.channel, f"{number}", at.room.person, thread_ts=place.reply_to)
        ts = await at.slack.begin(place, "s1")
        async with at.restarted() as again:
            assert await again.slack.find(place, "s1") == ts
            assert len(at.standin.calls_of("conversations.replies")) == 2
            for number in range(60):
                await at.standin.say(at.room.channel, f"{number}", at.room.person, thread_ts=place.reply_to)
            late = at.place(at.room.channel, place.reply_to, reply_to=ts)
            await at.slack.begin(late, "s2")
            assert await again.slack.find(late, "s2") is None
            assert len(at.standin.calls_of("conversations.replies")) == 6


@pytest.mark.parametrize("error", ["thread_not_found", "channel_not_found", "method_not_supported_for_channel_type"])
async def test_a_thread_that_can_not_be_read_holds_nothing(error: str) -> None:
    async with scene() as at:
        at.standin.fail_next("conversations.replies", FaultKind.ERROR, error=error)
        assert await at.slack.find(await at.question(), "s1") is None


async def test_where_slack_has_trouble_nothing_is_said_about_the_message() -> None:
    async with scene() as at:
        place = await at.question()
        at.standin.fail_next("conversations.replies", FaultKind.SERVER_ERROR)
        with pytest.raises(PlatformUnreachable):
            await at.slack.find(place, "s1")
        at.standin.fail_next("conversations.replies", FaultKind.RATELIMITED, seconds=60)
        with pytest.raises(TooFast):
            await at.slack.find(place, "s1")
