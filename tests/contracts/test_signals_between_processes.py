"""What signals promise between processes, and what is left of it without Redis."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from adapters.stores.redis import listener
from adapters.stores.redis.live import channel_of
from adapters.stores.redis.signals import RedisSignals
from tests.support.signals import BOUND_SECONDS, frame, process, seen, until
from tests.support.words import ROOM

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from tests.support.valkey import Valkey


@pytest.fixture(autouse=True)
async def _bound() -> AsyncIterator[None]:
    """No test hangs where a signal is lost."""
    async with asyncio.timeout(BOUND_SECONDS):
        yield


async def test_a_newcomer_in_another_process_sees_an_answer_that_stands_still(valkey: Valkey) -> None:
    async with process(valkey) as writer, process(valkey) as web, valkey.client() as client:
        await writer.show(ROOM, frame(1, 0, "Zwölf"))
        await writer.show(ROOM, frame(2, 5, " Uhr"))
        await until(lambda: client.exists(channel_of(ROOM)))

        async with web.watch(ROOM) as frames:
            assert (await seen(frames, "Zwölf Uhr"))[0] in {"Zwölf", "Zwölf Uhr"}


async def test_of_its_own_answers_a_process_knows_best(valkey: Valkey) -> None:
    async with process(valkey) as here, valkey.client() as client:
        await here.show(ROOM, frame(1, 0, "Zwölf"))
        await until(lambda: client.exists(channel_of(ROOM)))
        older = await client.get(channel_of(ROOM))
        await here.show(ROOM, frame(2, 5, " Uhr"))

        async def is_newer() -> bool:
            return await client.get(channel_of(ROOM)) != older

        await until(is_newer)
        await client.set(channel_of(ROOM), older or b"")

        async with here.watch(ROOM) as frames:
            assert await anext(frames) == frame(2, 0, "Zwölf Uhr")


async def test_a_successor_goes_on_with_an_answer_and_counts_anew(valkey: Valkey) -> None:
    async with process(valkey) as dead, process(valkey) as successor, process(valkey) as web:
        async with web.watch(ROOM) as frames:
            await dead.show(ROOM, frame(1, 0, "Zwö"))
            await dead.show(ROOM, frame(2, 3, "lf"))
            await seen(frames, "Zwölf")
            await successor.show(ROOM, frame(1, 0, ""))
            await successor.show(ROOM, frame(2, 0, "Elf"))
            await seen(frames, "Elf")

        async with dead.watch(ROOM) as newcomer:
            assert (await anext(newcomer)).text == "Elf"


async def test_what_is_kept_tells_no_rooms_expires_and_goes_with_the_end(valkey: Valkey) -> None:
    async with process(valkey) as here, valkey.client() as client, here.watch(ROOM) as frames:
        channels = await client.pubsub_channels()
        await here.show(ROOM, frame(1, 0, "Zwölf"))
        await until(client.keys)
        keys = await client.keys()

        assert keys == [channel_of(ROOM).encode()]
        assert 0 < await client.ttl(keys[0]) <= 300
        assert all(ROOM.thread.encode() not in name for name in [*keys, *channels])
        await here.show(ROOM, frame(2, 0, "Zwölf.", last=True))

        async def nothing_is_kept() -> bool:
            return not await client.keys()

        await until(nothing_is_kept)
        await seen(frames, "Zwölf.")


async def test_a_page_may_be_the_first_that_anybody_wants_of_a_process(valkey: Valkey) -> None:
    async with process(valkey) as writer, valkey.client() as client:
        web = RedisSignals(client, patience_seconds=10)
        async with web.watch(ROOM) as frames:
            await writer.show(ROOM, frame(1, 0, "Zwölf"))
            assert await anext(frames, None) == frame(1, 0, "Zwölf")
        await web.aclose()


async def test_a_channel_is_listened_to_only_while_somebody_watches(valkey: Valkey) -> None:
    async with process(valkey) as here, valkey.client() as client:
        async with here.watch(ROOM):
            async with here.watch(ROOM):
                pass
            assert await client.pubsub_channels(channel_of(ROOM))

        async def nobody_listens() -> bool:
            return not await client.pubsub_channels(channel_of(ROOM))

        await until(nobody_listens)


async def test_what_waits_is_sent_before_the_end(valkey: Valkey) -> None:
    async with process(valkey) as web, web.watch(ROOM) as frames:
        async with process(valkey) as writer:
            await writer.show(ROOM, frame(1, 0, "Zwölf Uhr.", last=True))

        assert (await anext(frames)).last


async def test_what_is_not_ours_is_ignored(valkey: Valkey) -> None:
    async with process(valkey) as here, process(valkey) as there, valkey.client() as client:
        await client.set(channel_of(ROOM), b"\xff no frame")
        async with there.watch(ROOM) as frames:
            for content in (b"\xff", b"[]", b"{", b"[" * 100_000, b'["w", "t", "1", 0, "", false, ""]', b"null"):
                await client.publish("plausch:signals", content)
                await client.publish(channel_of(ROOM), content)
            await here.show(ROOM, frame(1, 0, "Zwölf"))

            assert await anext(frames) == frame(1, 0, "Zwölf")


async def test_without_redis_everything_works_within_the_process(valkey: Valkey) -> None:
    valkey.stop()
    # Once the first attempt has failed nobody waits for Redis, however patient.
    async with (
        asyncio.timeout(5),
        process(valkey, patience_seconds=10) as here,
        here.watch(ROOM) as frames,
        here.stops("t1") as stop,
    ):
        await here.wake()
        await here.woken(BOUND_SECONDS * 2)
        await here.stop(["t1"])
        await stop.wait()
        await here.show(ROOM, frame(1, 0, "Zwölf"))
        assert await anext(frames) == frame(1, 0, "Zwölf")
        async with here.watch(ROOM) as newcomer:
            assert await anext(newcomer) == frame(1, 0, "Zwölf")


async def test_nobody_waits_for_a_redis_that_hangs(valkey: Valkey) -> None:
    async with process(valkey, patience_seconds=0.05) as here:
        await valkey.halt()
        async with asyncio.timeout(2):
            await here.wake()
            await here.stop(["t1"])
            await here.show(ROOM, frame(1, 0, "Zwölf"))
            async with here.watch(ROOM) as frames:
                assert await anext(frames) == frame(1, 0, "Zwölf")
        valkey.go_on()


async def test_a_redis_that_says_nothing_any_more_is_left_for_a_new_connection(
    valkey: Valkey, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(listener, "SILENCE_SECONDS", 0.05)
    async with process(valkey) as here, here.watch(ROOM) as frames:
        await valkey.halt()

        async def is_left() -> bool:
            return here._listener._is_gone

        await until(is_left)
        assert not here._listener._flows[channel_of(ROOM)].is_set()
        valkey.go_on()

        assert await anext(frames, None) is None


async def test_a_silent_redis_that_is_there_is_kept(valkey: Valkey, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(listener, "SILENCE_SECONDS", 0.05)
    async with process(valkey) as here, here.watch(ROOM) as frames:
        await here.woken(0.2)
        await here.show(ROOM, frame(1, 0, "Zwölf"))

        assert await anext(frames, None) == frame(1, 0, "Zwölf")


async def test_signals_flow_again_when_redis_is_back(valkey: Valkey) -> None:
    async with process(valkey) as here, process(valkey) as there:
        async with there.watch(ROOM) as frames:
            valkey.stop()
            await here.show(ROOM, frame(1, 0, "verpasst"))
            valkey.start()

            # Something may have been missed: who watches has to begin anew from the store.
            assert [one async for one in frames] in ([], [frame(1, 0, "verpasst")])

        await here.show(ROOM, frame(2, 0, "wieder da"))
        texts = []
        while "wieder da" not in texts:
            # The writer too says that frames were lost, so the first one to come back may have to come back again.
            async with there.watch(ROOM) as frames:
                texts = [(await anext(frames, frame(0, 0, ""))).text]
        await here.wake()
        await there.woken(BOUND_SECONDS * 2)


async def test_who_watches_begins_anew_where_a_writer_lost_frames(valkey: Valkey) -> None:
    async with process(valkey) as writer, process(valkey) as web, web.watch(ROOM) as frames, valkey.client() as client:
        # A Redis that is full refuses to keep, and that the frame was told all the same the writer can't know.
        await client.config_set("maxmemory", "1")
        try:
            await writer.show(ROOM, frame(1, 0, "zu viel"))
            came = [one async for one in frames]
        finally:
            await client.config_set("maxmemory", "0")

    assert came == [frame(1, 0, "zu viel")]


async def test_a_flushed_redis_costs_newcomers_one_frame_at_most(valkey: Valkey) -> None:
    async with process(valkey) as writer, process(valkey) as web, valkey.client() as client:
        async with web.watch(ROOM) as early:
            await writer.show(ROOM, frame(1, 0, "Zwölf"))
            await seen(early, "Zwölf")
        await client.flushall()

        async with web.watch(ROOM) as frames:
            await writer.show(ROOM, frame(2, 5, " Uhr"))

            assert await anext(frames) == frame(2, 0, "Zwölf Uhr")
