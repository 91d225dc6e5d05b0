"""Redis goes and comes back: signals go on by SQL meanwhile."""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING

import asyncpg
import pytest

from adapters.stores.memory import InProcessSignals
from adapters.stores.signals import outbox
from adapters.stores.signals.choice import signals_for
from adapters.stores.signals.live import channel_of
from adapters.stores.signals.ways import Pauses
from adapters.stores.sql.database import Database
from tests.support.databases import postgres_database
from tests.support.signals import BOUND_SECONDS, frame, process, process_by_redis_alone, seen, until
from tests.support.valkey import Reached
from tests.support.words import ROOM

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable
    from pathlib import Path

    from adapters.stores.signals.between import SignalsBetweenProcesses
    from tests.support.valkey import Valkey


@pytest.fixture(autouse=True)
async def _bound() -> AsyncIterator[None]:
    """No test hangs where a signal is lost."""
    async with asyncio.timeout(BOUND_SECONDS):
        yield


@pytest.fixture
async def url(postgres_socket: str) -> AsyncIterator[str]:
    async with postgres_database(postgres_socket) as made:
        yield made


class Slow(Reached):
    """The same Valkey, whose answers come so many ``seconds`` late."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.seconds = 0.0
        self.answers = 0


@contextlib.asynccontextmanager
async def slow(valkey: Valkey, folder: Path) -> AsyncIterator[Slow]:
    through = Slow(f"unix://{folder / 'slow.sock'}")

    async def carry(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, *, answers: bool) -> None:
        while content := await reader.read(65536):
            through.answers += answers
            await asyncio.sleep(through.seconds * answers)
            writer.write(content)
        writer.close()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        back, forth = await asyncio.open_unix_connection(valkey.url.removeprefix("unix://"))
        with contextlib.suppress(OSError):
            await asyncio.gather(carry(reader, forth, answers=False), carry(back, writer, answers=True))

    async with await asyncio.start_unix_server(serve, folder / "slow.sock"):
        yield through


async def happens(valkey: Valkey, trouble: str) -> None:
    match trouble:
        case "stopped":
            valkey.stop()
        case "halted":
            await valkey.halt()
        case _:
            async with valkey.client() as client:
                await client.flushall()


@pytest.mark.parametrize("trouble", ["stopped", "halted", "flushed"])
async def test_a_stop_reaches_another_process_within_a_second_whatever_became_of_redis(
    url: str, valkey: Valkey, trouble: str
) -> None:
    async with process(url, valkey) as here, process(url, valkey) as there, there.stops("t1") as stop:
        await happens(valkey, trouble)

        await here.stop(["t1"])
        async with asyncio.timeout(1):
            await stop.wait()
        valkey.go_on()


@pytest.mark.parametrize("trouble", ["stopped", "halted", "flushed"])
async def test_an_answer_streams_on_and_a_worker_wakes_whatever_became_of_redis(
    url: str, valkey: Valkey, trouble: str
) -> None:
    async with process(url, valkey) as writer, process(url, valkey) as web, web.watch(ROOM) as frames:
        await writer.show(ROOM, frame(1, 0, "Zwölf"))
        await seen(frames, "Zwölf")
        await happens(valkey, trouble)
        await writer.show(ROOM, frame(2, 5, " Uhr"))
        assert (await anext(frames)).text == " Uhr"
        await writer.show(ROOM, frame(3, 0, "Zwölf Uhr.", last=True))
        assert (await anext(frames)).last

        await web.woken(0)
        await writer.wake()
        await web.woken(BOUND_SECONDS * 2)
        valkey.go_on()


async def test_signals_go_by_redis_again_when_it_is_back(url: str, valkey: Valkey) -> None:
    async with process(url, valkey) as writer, process(url, valkey) as web, web.watch(ROOM) as frames:
        valkey.stop()
        await writer.show(ROOM, frame(1, 0, "Eins"))
        assert (await anext(frames)).text == "Eins"
        valkey.start()
        await until(lambda: _nothing_blocked(writer, web))
        writer._speakers[0]._proven_at = 0
        async with process_by_redis_alone(valkey) as other, other.watch(ROOM) as others, _told_by_sql(url) as told:
            await seen(others, "Eins")
            await writer.show(ROOM, frame(2, 4, ", zwei"))

            assert (await anext(others)).text == ", zwei"
            assert (await anext(frames)).text == ", zwei"
            assert await told() == []


async def test_who_does_not_listen_to_redis_again_yet_misses_nothing(url: str, valkey: Valkey) -> None:
    async with process(url, valkey) as writer, process(url, valkey) as web, web.watch(ROOM) as frames:
        web._listeners[0]._pauses = Pauses(60, 60)
        valkey.stop()
        await writer.show(ROOM, frame(1, 0, "Eins"))
        assert (await anext(frames)).text == "Eins"
        valkey.start()
        await until(lambda: _nothing_blocked(writer))
        assert not writer._speakers[0].is_proven
        await writer.show(ROOM, frame(2, 4, ", zwei"))

        assert (await anext(frames)).text == ", zwei"


async def test_what_comes_by_both_ways_is_seen_once(url: str, valkey: Valkey) -> None:
    async with process(url, valkey) as writer, process(url, valkey) as web, web.watch(ROOM) as frames:
        writer._speakers[0]._proven_at = asyncio.get_running_loop().time() + 60
        shown = [frame(1, 0, "a"), frame(2, 1, "b"), frame(3, 0, "ab.", last=True), frame(1, 0, "neu", "t2")]
        for one in shown:
            await writer.show(ROOM, one)
            assert await anext(frames) == one


async def test_a_redis_that_is_gone_from_the_beginning_holds_up_nobody(url: str, valkey: Valkey) -> None:
    valkey.stop()
    async with (
        asyncio.timeout(5),
        process(url, valkey) as here,
        process(url, valkey) as there,
        there.watch(ROOM) as frames,
    ):
        await here.show(ROOM, frame(1, 0, "Zwölf"))
        assert await anext(frames) == frame(1, 0, "Zwölf")


async def test_nobody_waits_for_a_redis_that_hangs(url: str, valkey: Valkey) -> None:
    async with process(url, valkey, patience_seconds=0.05) as here:
        await valkey.halt()
        async with asyncio.timeout(2):
            await here.wake()
            await here.stop(["t1"])
            await here.show(ROOM, frame(1, 0, "Zwölf"))
            async with here.watch(ROOM) as frames:
                assert await anext(frames) == frame(1, 0, "Zwölf")
        valkey.go_on()


async def test_a_redis_that_is_slow_is_left_until_it_is_fast_again(
    url: str, valkey: Valkey, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async with slow(valkey, tmp_path) as through, process(url, through) as here, process(url) as there:
        through.seconds = outbox.IMPATIENCE_SECONDS * 1.5
        async with there.stops("t1") as stop:
            await here.stop(["t1"])
            async with asyncio.timeout(1):
                await stop.wait()
        before = through.answers

        async def is_tried_again() -> bool:
            return through.answers > before + 2

        await until(is_tried_again)
        assert here.trouble is not None
        assert len([one for one in caplog.records if "no signals go by Redis" in one.message]) == 1
        through.seconds = 0
        await until(lambda: _nothing_blocked(here))


async def test_what_is_in_the_way_is_told(url: str, valkey: Valkey) -> None:
    async with process(url, valkey) as here:
        assert _trouble_of(here) is None
        valkey.stop()
        await here.wake()
        await until(lambda: _has_trouble(here))
        assert _trouble_of(here) == "Redis carries no signals: they go by PostgreSQL"
        here._listeners[1].is_deaf = True
        assert _trouble_of(here) == "Redis carries no signals: the database is looked at every second"
        here._listeners[1].is_deaf = False
        valkey.start()
        await until(lambda: _nothing_blocked(here))
        assert _trouble_of(here) is None


async def test_where_one_process_answers_all_nothing_leaves_it(tmp_path: Path, valkey: Valkey) -> None:
    database = Database(f"sqlite:///{tmp_path / 'plausch.sqlite3'}")
    async with valkey.client() as client:
        signals = signals_for(database, client)
        await signals.aclose()
        await database.aclose()

    assert isinstance(signals, InProcessSignals)
    assert signals.trouble is None


async def _nothing_blocked(*processes: SignalsBetweenProcesses) -> bool:
    return not any(any(one._blocked()) for one in processes)


def _trouble_of(one: SignalsBetweenProcesses) -> str | None:
    return one.trouble


async def _has_trouble(one: SignalsBetweenProcesses) -> bool:
    return one.trouble is not None


@contextlib.asynccontextmanager
async def _told_by_sql(url: str) -> AsyncIterator[Callable[[], Awaitable[list[str]]]]:
    """Asks for the frames of ``ROOM`` that went by SQL."""
    _, arguments = Database(url).engine.dialect.create_connect_args(Database(url).url)
    connection = await asyncpg.connect(**arguments)
    told: list[str] = []
    passed = asyncio.Event()
    await connection.add_listener(channel_of(ROOM), lambda *came: told.append(came[3]))
    await connection.add_listener("passed", lambda *_: passed.set())

    async def so_far() -> list[str]:
        await connection.execute("NOTIFY passed")
        await passed.wait()
        return told

    try:
        yield so_far
    finally:
        await connection.close()
