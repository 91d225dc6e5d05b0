from __future__ import annotations

import asyncio

import pytest

from adapters.standins.slack import FaultKind
from conversation.errors import (
    MessageGone,
    OutcomeUnknown,
    PlatformError,
    PlatformUnreachable,
    TooFast,
    Undeliverable,
)
from tests.support.slack_desk import scene, without_streams


async def test_a_pause_that_slack_asks_for_is_told_and_kept() -> None:
    async with scene() as at:
        place = await at.question()
        ts = await at.slack.begin(place, "s1")
        at.standin.fail_next("chat.appendStream", FaultKind.RATELIMITED, seconds=7)
        with pytest.raises(TooFast) as pause:
            await at.write(place, ts, "Es ist")
        assert pause.value.seconds == 7
        began = at.time.now
        await at.write(place, ts, "Es ist zwölf")
        assert at.time.now - began >= 7
        await at.write(place, ts, "Es ist zwölf.", last=True)
        assert at.answer(place) == "Es ist zwölf."
        assert "chat.update" not in at.calls()


async def test_a_pause_before_a_post_is_told_and_kept() -> None:
    async with scene() as at:
        without_streams(at)
        place = await at.question()
        at.standin.fail_next("chat.postMessage", FaultKind.RATELIMITED, seconds=9)
        with pytest.raises(TooFast):
            await at.slack.begin(place, "s1")
        began = at.time.now
        await at.slack.begin(place, "s1")
        assert at.time.now - began >= 9
        assert len(at.ours(place)) == 1


@pytest.mark.parametrize("fault", [FaultKind.RESET_AFTER, FaultKind.RESET_BEFORE, FaultKind.SERVER_ERROR])
@pytest.mark.parametrize("method", ["chat.startStream", "chat.postMessage"])
async def test_a_placeholder_whose_sending_was_cut_may_be_there_or_not(fault: FaultKind, method: str) -> None:
    async with scene() as at:
        if method == "chat.postMessage":
            without_streams(at)
        place = await at.question()
        at.standin.fail_next(method, fault)
        with pytest.raises(OutcomeUnknown):
            await at.slack.begin(place, "s1")
        assert len(at.ours(place)) == (fault is FaultKind.RESET_AFTER)
        assert len(at.standin.calls_of(method)) == 1


@pytest.mark.parametrize("fault", [FaultKind.RESET_AFTER, FaultKind.RESET_BEFORE, FaultKind.SERVER_ERROR])
@pytest.mark.parametrize("method", ["chat.appendStream", "chat.stopStream", "chat.update"])
async def test_an_edit_that_was_cut_is_repeated_and_right_at_the_end(fault: FaultKind, method: str) -> None:
    async with scene() as at:
        if method == "chat.update":
            without_streams(at)
        place = await at.question()
        ts = await at.slack.begin(place, "s1")
        if method == "chat.stopStream":
            await at.write(place, ts, "Es")
        at.standin.fail_next(method, fault)
        with pytest.raises(PlatformUnreachable):
            await at.write(place, ts, "Es ist", last=method == "chat.stopStream")
        await at.write(place, ts, "Es ist zwölf", last=True)
        (line,) = at.ours(place)
        assert (line.text, line.streaming) == ("Es ist zwölf", False)


async def test_an_edit_that_is_cancelled_leaves_nothing_wrong() -> None:
    async with scene() as at:
        place = await at.question()
        ts = await at.slack.begin(place, "s1")
        held = at.standin.hold_next("chat.appendStream")
        task = asyncio.create_task(at.write(place, ts, "Es ist"))
        await held.arrived.wait()
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        held.release()
        await at.write(place, ts, "Es ist zwölf", last=True)
        assert at.answer(place) == "Es ist zwölf"


async def test_after_a_restart_an_open_stream_is_ended_and_the_whole_is_put() -> None:
    async with scene() as at:
        place = await at.question()
        ts = await at.slack.begin(place, "s1")
        await at.write(place, ts, "Es ist viel")
        async with at.restarted() as again:
            await again.write(place, ts, "Es ist zwölf")
            assert at.answer(place) == "Es ist zwölf"
            await again.write(place, ts, "Es ist zwölf Uhr.", last=True)
        (line,) = at.ours(place)
        assert (line.text, line.streaming) == ("Es ist zwölf Uhr.", False)
        assert line.metadata == {"event_type": "plausch_answer", "event_payload": {"turn": "turn"}}
        assert at.calls()[2:] == ["chat.stopStream", "chat.update", "chat.update"]


async def test_after_a_restart_a_post_that_never_was_a_stream_is_updated() -> None:
    async with scene() as at:
        without_streams(at)
        place = await at.question()
        ts = await at.slack.begin(place, "s1")
        async with at.restarted() as again:
            await again.write(place, ts, "Zwölf.", last=True)
            await again.write(place, ts, "Zwölf.", last=True)
        assert at.answer(place) == "Zwölf."


async def test_a_stream_that_is_open_against_all_knowledge_is_ended_before_the_update() -> None:
    async with scene() as at:
        place = await at.question()
        ts = await at.slack.begin(place, "s1")
        at.standin.fail_next("chat.stopStream", FaultKind.ERROR, error="message_not_in_streaming_state")
        await at.write(place, ts, "Zwölf.", last=True)
        (line,) = at.ours(place)
        assert (line.text, line.streaming) == ("Zwölf.", False)


async def test_a_message_that_is_gone_is_told() -> None:
    async with scene() as at:
        place = await at.question()
        with pytest.raises(MessageGone):
            await at.write(place, "1800000000.000001", "Zwölf.", last=True)


@pytest.mark.parametrize("method", ["chat.postMessage", "chat.appendStream"])
async def test_a_room_that_is_closed_to_us_is_undeliverable(method: str) -> None:
    async with scene() as at:
        place = await at.question()
        if method == "chat.postMessage":
            at.standin.put_app_out(at.room.channel)
            with pytest.raises(Undeliverable, match="not_in_channel"):
                await at.slack.begin(place, "s1")
            return
        ts = await at.slack.begin(place, "s1")
        at.standin.fail_next(method, FaultKind.ERROR, error="is_archived")
        with pytest.raises(Undeliverable, match="is_archived"):
            await at.write(place, ts, "Zwölf.")


async def test_a_refusal_of_another_kind_is_a_platform_error() -> None:
    async with scene() as at:
        without_streams(at)
        place = await at.question()
        ts = await at.slack.begin(place, "s1")
        at.standin.fail_next("chat.update", FaultKind.ERROR, error="msg_too_long")
        with pytest.raises(PlatformError, match="msg_too_long"):
            await at.write(place, ts, "Zwölf.", last=True)


async def test_a_stream_that_refuses_for_another_reason_is_not_taken_for_ended() -> None:
    async with scene() as at:
        place = await at.question()
        ts = await at.slack.begin(place, "s1")
        at.standin.fail_next("chat.appendStream", FaultKind.ERROR, error="invalid_blocks")
        with pytest.raises(PlatformError, match="invalid_blocks"):
            await at.write(place, ts, "Zwölf.")
        assert "chat.update" not in at.calls()
