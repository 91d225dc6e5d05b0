"""What signals promise between processes, by whichever way they go."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, TypeAlias

import pytest

from adapters.stores.redis import signals as redis_signals
from adapters.stores.redis.signals import PubSubWay
from adapters.stores.signals.between import SignalsBetweenProcesses
from adapters.stores.signals.live import channel_of
from tests.support.databases import postgres_database
from tests.support.signals import BOUND_SECONDS, NothingMissed, frame, process, process_by_redis_alone, seen, until
from tests.support.words import ROOM

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable
    from contextlib import AbstractAsyncContextManager

    from tests.support.valkey import Valkey

    Joined: TypeAlias = Callable[[], AbstractAsyncContextManager[SignalsBetweenProcesses]]

HOSTILE = "".join(map(chr, range(1, 0x3000))) + "'; DROP TABLE turns; -- \\ \" \\u0000 \0 🙂 \ud800 \U0010ffff" * 100
"""Longer than one notification, and of everything that texts are made of."""


@pytest.fixture(autouse=True)
async def _bound() -> AsyncIterator[None]:
    """No test hangs where a signal is lost."""
    async with asyncio.timeout(BOUND_SECONDS):
        yield


@pytest.fixture(params=["Redis", "SQL"])
async def joined(request: pytest.FixtureRequest, valkey: Valkey, postgres_socket: str) -> AsyncIterator[Joined]:
    """Makes another process of the same service."""
    if request.param == "Redis":
        yield lambda: process_by_redis_alone(valkey)
        return
    async with postgres_database(postgres_socket) as url:
        yield lambda: process(url)


async def test_a_newcomer_in_another_process_sees_an_answer_that_stands_still(joined: Joined) -> None:
    async with joined() as writer, joined() as web:
        await writer.show(ROOM, frame(1, 0, "Zwölf"))
        await writer.show(ROOM, frame(2, 5, " Uhr"))

        async with web.watch(ROOM) as frames:
            assert (await anext(frames)).text == "Zwölf Uhr"


async def test_who_wrote_an_answer_and_does_no_longer_tells_nobody_how_it_stood(joined: Joined) -> None:
    async with joined() as stalled, joined() as successor, joined() as web:
        async with stalled.stops("t1"), web.watch(ROOM) as early:
            await stalled.show(ROOM, frame(1, 0, "Zwö"))
            await seen(early, "Zwö")
            # What the page asked for when it opened may still be under way.
            await _passed(web, stalled)
            await _passed(stalled, web)
            await _passed(stalled, web)
        await successor.show(ROOM, frame(1, 0, "Elf"))

        for watcher in (web, stalled):
            async with watcher.watch(ROOM) as frames:
                assert (await anext(frames)).text == "Elf"


async def test_a_successor_goes_on_with_an_answer_and_counts_anew(joined: Joined) -> None:
    async with joined() as dead, joined() as successor, joined() as web, web.watch(ROOM) as frames:
        await dead.show(ROOM, frame(1, 0, "Zwö"))
        await dead.show(ROOM, frame(2, 3, "lf"))
        await seen(frames, "Zwölf")
        await successor.show(ROOM, frame(1, 0, ""))
        await successor.show(ROOM, frame(2, 0, "Elf"))
        await seen(frames, "Elf")


async def test_an_answer_that_is_asked_for_again_is_seen_again(joined: Joined) -> None:
    async with joined() as writer, joined() as web, web.watch(ROOM) as frames:
        for _ in range(2):
            await writer.show(ROOM, frame(1, 0, "Moment"))
            await seen(frames, "Moment")
            await writer.show(ROOM, frame(2, 0, "Das klappt gerade nicht.", last=True))
            await seen(frames, "Das klappt gerade nicht.")


async def test_every_text_arrives_as_it_was(joined: Joined) -> None:
    async with joined() as writer, joined() as web, web.watch(ROOM) as frames:
        await writer.show(ROOM, frame(1, 0, HOSTILE))
        assert (await anext(frames)).text == HOSTILE
        await writer.show(ROOM, frame(2, 0, HOSTILE[::-1], last=True))
        assert (await anext(frames)).text == HOSTILE[::-1]


async def test_frames_that_come_faster_than_they_go_are_not_all_told(joined: Joined) -> None:
    async with joined() as writer, joined() as web, web.watch(ROOM) as frames:
        for number in range(1, 1001):
            await writer.show(ROOM, frame(number, number - 1, "x"))

        assert len(await seen(frames, "x" * 1000)) < 100


async def test_what_waits_is_sent_before_the_end(joined: Joined) -> None:
    async with joined() as web, web.watch(ROOM) as frames:
        async with joined() as writer:
            await writer.show(ROOM, frame(1, 0, "Zwölf Uhr.", last=True))

        assert (await anext(frames)).last


async def test_a_page_may_be_the_first_that_anybody_wants_of_a_process(valkey: Valkey) -> None:
    async with process_by_redis_alone(valkey) as writer, valkey.client() as client:
        web = SignalsBetweenProcesses([PubSubWay(client)], NothingMissed(), patience_seconds=BOUND_SECONDS * 2)
        async with web.watch(ROOM) as frames:
            await writer.show(ROOM, frame(1, 0, "Zwölf"))
            assert await anext(frames, None) == frame(1, 0, "Zwölf")
        await web.aclose()


async def test_nothing_is_kept_in_redis_and_no_name_tells_a_room(valkey: Valkey) -> None:
    async with process_by_redis_alone(valkey) as here, valkey.client() as client, here.watch(ROOM) as frames:
        await here.show(ROOM, frame(1, 0, "Zwölf"))
        await seen(frames, "Zwölf")

        assert not await client.keys()
        assert sorted(await client.pubsub_channels()) == [channel_of(ROOM).encode(), b"plausch:signals"]
        assert ROOM.thread not in channel_of(ROOM)


async def test_a_channel_is_listened_to_only_while_somebody_watches(valkey: Valkey) -> None:
    async with process_by_redis_alone(valkey) as here, valkey.client() as client:
        async with here.watch(ROOM):
            async with here.watch(ROOM):
                pass
            assert await client.pubsub_channels(channel_of(ROOM))

        async def nobody_listens() -> bool:
            return not await client.pubsub_channels(channel_of(ROOM))

        await until(nobody_listens)


async def test_what_is_not_ours_is_ignored(valkey: Valkey) -> None:
    async with (
        process_by_redis_alone(valkey) as here,
        process_by_redis_alone(valkey) as there,
        valkey.client() as client,
        there.watch(ROOM) as frames,
    ):
        for content in (b"\xff", b"[]", b"{", b"[" * 100_000, b'["w", 1, "t", "1", 0, "", false, ""]', b"null"):
            await client.publish("plausch:signals", content)
            await client.publish(channel_of(ROOM), content)
        await here.show(ROOM, frame(1, 0, "Zwölf"))

        assert await anext(frames) == frame(1, 0, "Zwölf")


async def test_a_redis_that_says_nothing_any_more_is_left_for_a_new_connection(
    valkey: Valkey, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(redis_signals, "SILENCE_SECONDS", 0.05)
    async with (
        process_by_redis_alone(valkey) as here,
        process_by_redis_alone(valkey) as there,
        here.watch(ROOM) as frames,
    ):
        await valkey.halt()

        async def is_left() -> bool:
            return here._listeners[0].is_deaf

        await until(is_left)
        assert not here._listeners[0]._flows[channel_of(ROOM)].is_set()
        valkey.go_on()
        await until(lambda: _both_hear(here, there))
        await there.show(ROOM, frame(1, 0, "wieder da"))

        assert (await anext(frames)).text == "wieder da"


async def test_a_silent_redis_that_is_there_is_kept(valkey: Valkey, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(redis_signals, "SILENCE_SECONDS", 0.3)
    async with process_by_redis_alone(valkey) as here:
        line = here._listeners[0]._line
        await here.woken(1.5)

        assert here._listeners[0]._line is line


async def test_who_watches_begins_anew_where_a_writer_lost_frames(valkey: Valkey) -> None:
    async with (
        process_by_redis_alone(valkey) as writer,
        process_by_redis_alone(valkey) as web,
        web.watch(ROOM) as frames,
    ):
        valkey.stop()
        await writer.show(ROOM, frame(1, 0, "verpasst"))
        await until(lambda: _is_blocked(writer))
        valkey.start()

        assert [one async for one in frames] in ([], [frame(1, 0, "verpasst")])


async def test_signals_can_be_closed_unused_and_used_when_closed(valkey: Valkey) -> None:
    async with valkey.client() as client:
        signals = SignalsBetweenProcesses([PubSubWay(client)], NothingMissed())
        await signals.aclose()

        await signals.wake()
        await signals.woken(BOUND_SECONDS * 2)

        assert signals._tasks == []


async def _passed(speaker: SignalsBetweenProcesses, hearer: SignalsBetweenProcesses) -> None:
    """Something went from one to the other, and so did all that was sent in earlier batches."""
    async with hearer.stops("passed") as stop:
        await speaker.stop(["passed"])
        await stop.wait()


async def _both_hear(*processes: SignalsBetweenProcesses) -> bool:
    return not any(any(one._blocked()) for one in processes)


async def _is_blocked(one: SignalsBetweenProcesses) -> bool:
    return one._speakers[0].is_blocked
