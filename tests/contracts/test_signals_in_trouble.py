"""PostgreSQL's connections break, hang, or carry no notifications: what was missed is found in the store."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import struct
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import pytest
from sqlalchemy import make_url

from adapters.stores.signals import between, lookout
from adapters.stores.signals.ways import Pauses
from adapters.stores.sql import signals as sql_signals
from adapters.stores.sql import signals_line
from adapters.stores.sql.inbox import SqlInbox
from tests.support.databases import Rows, opened, postgres_database, postgres_template
from tests.support.inbox import claimed
from tests.support.signals import BOUND_SECONDS, frame, process, seen, until
from tests.support.words import ROOM, answer, question

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from adapters.stores.signals.between import SignalsBetweenProcesses
    from conversation.turns import Claim


@pytest.fixture(autouse=True)
async def _bound(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[None]:
    """No test hangs where a signal is lost."""
    monkeypatch.setattr(lookout, "LOOK_SECONDS", 0.05)
    async with asyncio.timeout(BOUND_SECONDS):
        yield


@pytest.fixture
async def url(postgres_socket: str) -> AsyncIterator[str]:
    async with postgres_database(postgres_socket, await postgres_template(postgres_socket)) as made:
        yield made


@pytest.fixture
async def inbox(url: str) -> AsyncIterator[SqlInbox]:
    async with opened(url) as database:
        yield SqlInbox(database)


@pytest.fixture
async def pooled_url(url: str, tmp_path: Path) -> AsyncIterator[str]:
    """The same database behind what forgets notifications, as a pooler does that lends connections."""
    folder = make_url(url).query["host"]
    assert isinstance(folder, str)
    socket = tmp_path / ".s.PGSQL.5432"

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        server_reader, server_writer = await asyncio.open_unix_connection(Path(folder) / socket.name)
        with contextlib.suppress(OSError, asyncio.IncompleteReadError):
            await asyncio.gather(_carry(reader, server_writer), _carry_without_notifications(server_reader, writer))
        for one in (writer, server_writer):
            one.close()

    async with await asyncio.start_unix_server(serve, socket):
        yield url.replace(quote(folder, safe=""), quote(str(tmp_path), safe=""))


async def _carry(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while content := await reader.read(65536):
        writer.write(content)
    writer.close()


async def _carry_without_notifications(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while True:
        head = await reader.readexactly(5)
        content = await reader.readexactly(struct.unpack("!I", head[1:])[0] - 4)
        if head[:1] != b"A":
            writer.write(head + content)


async def test_a_stop_is_found_in_the_store_where_no_notification_arrives(pooled_url: str, inbox: SqlInbox) -> None:
    await inbox.put(question())
    claim = await claimed(inbox)
    async with _deaf(pooled_url) as there, there.stops(claim.turn_id) as stop:
        await inbox.stop_answers_to("anna", ROOM.platform, ROOM.workspace, ROOM.channel)

        await stop.wait()


async def test_an_ending_is_found_in_the_store_where_no_notification_arrives(pooled_url: str, inbox: SqlInbox) -> None:
    await inbox.put(question())
    claim = await claimed(inbox)
    async with _deaf(pooled_url) as web, web.watch(ROOM) as frames:
        await _end(inbox, claim)

        assert await anext(frames) == frame(0, 0, "Zwölf Uhr.", claim.turn_id, last=True, kind="answer")


async def test_who_is_deaf_speaks_all_the_same(url: str, pooled_url: str) -> None:
    async with _deaf(pooled_url) as here, process(url) as there:
        await _listens(there)
        async with there.watch(ROOM) as frames, there.stops("t1") as stop:
            await here.show(ROOM, frame(1, 0, "Zwölf"))
            await here.stop(["t1"])

            assert (await anext(frames)).text == "Zwölf"
            await stop.wait()


async def test_what_is_in_the_way_is_told(pooled_url: str) -> None:
    async with _deaf(pooled_url) as here:
        assert here.trouble == "PostgreSQL carries no signals: the database is looked at every second"


async def test_a_listener_whose_connection_is_killed_comes_back(url: str, inbox: SqlInbox) -> None:
    async with process(url) as here, process(url) as there, there.watch(ROOM) as frames:
        before = there._listeners[0]._line
        await Rows(inbox._database).select(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'plausch signals'"
        )
        await until(lambda: _has_another_line(there, before))
        await here.show(ROOM, frame(1, 0, "Zwölf"))
        await seen(frames, "Zwölf")


async def test_how_an_answer_stands_is_asked_for_by_who_listens_again(url: str) -> None:
    async with (
        process(url) as writer,
        process(url) as early,
        process(url) as web,
        early.watch(ROOM) as earlier,
        web.watch(ROOM) as frames,
    ):
        web._listeners[0]._pauses = Pauses(0.5, 0.5)
        _line_of(web).terminate()
        await until(lambda: _is_blocked(web))
        await writer.show(ROOM, frame(1, 0, "Zwölf"))
        await seen(earlier, "Zwölf")
        assert await _is_blocked(web)

        assert await anext(frames) == frame(1, 0, "Zwölf")


async def test_what_ended_while_nobody_listened_is_found_in_the_store(url: str, inbox: SqlInbox) -> None:
    await inbox.put(question())
    claim = await claimed(inbox)
    async with process(url) as web:
        await _listens(web)
        async with web.watch(ROOM) as frames:
            await _end(inbox, claim)  # nobody tells of it, as if the line had been down already
            _line_of(web).terminate()

            assert (await anext(frames)).text == "Zwölf Uhr."


async def test_a_connection_that_hangs_is_left_for_a_new_one(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(signals_line, "SILENCE_SECONDS", 0.2)
    async with process(url) as here, process(url) as there, there.watch(ROOM) as frames:
        before = there._listeners[0]._line
        with _halted(_line_of(there).get_server_pid()):
            await until(lambda: _has_another_line(there, before))
        await here.show(ROOM, frame(1, 0, "Zwölf"))
        await seen(frames, "Zwölf")


async def test_a_silent_connection_that_is_there_is_kept(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(signals_line, "SILENCE_SECONDS", 0.2)
    async with process(url) as here:
        before = here._listeners[0]._line
        await here.woken(0.5)

        assert here._listeners[0]._line is before


async def test_a_speaker_that_hangs_is_left_for_a_new_one(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(between, "SEND_SECONDS", 0.3)
    async with process(url) as here, process(url) as there, there.watch(ROOM) as frames:
        await here.show(ROOM, frame(1, 0, "Zwölf"))
        await seen(frames, "Zwölf")
        speaker: Any = here._speakers[0]._way
        with _halted(speaker._speaker.get_server_pid()):
            await here.show(ROOM, frame(2, 5, " Uhr"))
            # The writer can't know what of it arrived, so it says that something may be lost.
            assert await anext(frames, None) is None


async def test_a_postgresql_that_takes_no_notifications_is_survived(
    url: str, inbox: SqlInbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    await inbox.put(question())
    claim = await claimed(inbox)
    async with process(url) as here, process(url) as there, there.watch(ROOM) as frames:
        with monkeypatch.context() as full:
            full.setattr(sql_signals, "_NOTIFY", "SELECT 1 / 0, $1::text[], $2::text[]")
            await here.show(ROOM, frame(1, 0, "Zwölf", claim.turn_id))
            await until(lambda: _is_blocked(here))
            await there.wake()
            await until(lambda: _is_blocked(there))
            await _end(inbox, claim)
            assert (await anext(frames)).last

        assert await anext(frames, None) is None
        async with there.watch(ROOM) as again:
            await here.show(ROOM, frame(1, 0, "Neu", "t2"))
            await seen(again, "Neu")


@contextlib.asynccontextmanager
async def _deaf(url: str) -> AsyncIterator[SignalsBetweenProcesses]:
    """A process that is known to hear nothing."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(signals_line, "ECHO_SECONDS", 0.1)
        async with process(url) as one:
            await until(lambda: _is_blocked(one))
            yield one


@contextlib.contextmanager
def _halted(process_id: int) -> Any:
    os.kill(process_id, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(process_id, signal.SIGCONT)


def _line_of(one: SignalsBetweenProcesses) -> Any:
    line: Any = one._listeners[0]._line
    return line._connection


async def _end(inbox: SqlInbox, claim: Claim) -> None:
    await inbox.decide(claim, answer())
    await inbox.shown(claim)


async def _listens(one: SignalsBetweenProcesses) -> None:
    """A busy machine may take longer to listen than a page that opens waits for."""
    await one.wake()
    await until(lambda: _has_another_line(one, None))


async def _has_another_line(one: SignalsBetweenProcesses, before: object) -> bool:
    return one._listeners[0]._line not in {None, before} and not one._blocked()[0]


async def _is_blocked(one: SignalsBetweenProcesses) -> bool:
    return one._blocked()[0]
