"""``plausch ask`` as a real process."""

from __future__ import annotations

import asyncio
import signal
from typing import TYPE_CHECKING

import pytest

from adapters.standins.script import Fault, FaultKind, Outcome
from adapters.standins.tgi import StandInTGI
from tests.support.databases import Rows, opened
from tests.support.service import free_port
from tests.support.terminal import BOUND_SECONDS, piped, plausch

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

ANSWER = ["Es ", "ist ", "zwölf", " Uhr."]
NOTICE = "_Ich bin eine KI und kann mich irren – prüfe bitte nach, was wichtig ist._\n\n"


@pytest.fixture
async def tgi() -> AsyncIterator[StandInTGI]:
    async with StandInTGI(lambda _: ANSWER) as standin:
        yield standin


@pytest.fixture
def settings(tmp_path: Path, tgi: StandInTGI) -> dict[str, str]:
    return {"database_url": f"sqlite:///{tmp_path}/plausch.sqlite3", "model_server": "tgi", "model_url": tgi.url}


async def rows(settings: dict[str, str], statement: str) -> list[tuple[object, ...]]:
    async with opened(settings["database_url"]) as database:
        return [tuple(row) for row in await Rows(database).select(statement)]


async def test_the_answer_is_printed_as_plain_text_and_stored(tmp_path: Path, settings: dict[str, str]) -> None:
    first = await plausch(tmp_path, settings, "ask", "Wie spät ist es?")
    second = await plausch(tmp_path, settings, "ask", "Und jetzt?")

    assert (first.code, first.out, first.err) == (0, f"{NOTICE}Es ist zwölf Uhr.\n", "")
    assert (second.code, second.out, second.err) == (0, "Es ist zwölf Uhr.\n", "")
    stored = await rows(settings, "SELECT state, kind, text FROM turns JOIN answers ON turn_id = turns.id")
    assert stored == [("shown", "answer", "Es ist zwölf Uhr.")] * 2


async def test_each_question_is_a_conversation_of_its_own(
    tmp_path: Path, settings: dict[str, str], tgi: StandInTGI
) -> None:
    await plausch(tmp_path, settings, "ask", "Erstens")
    await plausch(tmp_path, settings, "ask", "Zweitens")

    assert "Erstens" not in tgi.requests[-1]["inputs"]


async def test_the_question_can_come_from_standard_input(
    tmp_path: Path, settings: dict[str, str], tgi: StandInTGI
) -> None:
    done = await plausch(tmp_path, settings, "ask", "-", said="Wie spät ist es?\n")

    assert done.code == 0
    assert "USER: Wie spät ist es?" in tgi.requests[-1]["inputs"]


async def test_no_question_is_an_error(tmp_path: Path, settings: dict[str, str]) -> None:
    done = await plausch(tmp_path, settings, "ask", "-", said=" \n")

    assert (done.code, done.out) == (1, "")
    assert "There is no question" in done.err


async def test_the_answer_is_written_while_it_comes(tmp_path: Path, settings: dict[str, str], tgi: StandInTGI) -> None:
    tgi.pace.pause()
    async with piped(tmp_path, settings, "ask", "Wie spät ist es?") as process, asyncio.timeout(BOUND_SECONDS):
        assert process.stdout is not None
        tgi.pace.step(2)
        await process.stdout.readuntil(b"Es ist")
        assert tgi.active == 1
        tgi.pace.resume()

        assert (await process.stdout.read()).decode() == " zwölf Uhr.\n"


async def test_a_model_server_that_is_not_there_is_an_error_with_its_cure(
    tmp_path: Path, settings: dict[str, str]
) -> None:
    settings["model_url"] = f"http://127.0.0.1:{free_port()}"
    done = await plausch(tmp_path, settings, "ask", "Wie spät ist es?")

    assert (done.code, done.out) == (1, "")
    assert "can't be reached" in done.err
    assert "PLAUSCH_MODEL_URL" in done.err


async def test_another_server_than_the_one_that_is_set_is_an_error_with_its_cure(
    tmp_path: Path, settings: dict[str, str]
) -> None:
    done = await plausch(tmp_path, settings | {"model_server": "openai"}, "ask", "Wie spät ist es?")

    assert (done.code, done.out) == (1, "")
    assert "set PLAUSCH_MODEL_SERVER=tgi" in done.err


async def test_a_database_that_is_none_is_an_error(tmp_path: Path, settings: dict[str, str]) -> None:
    (tmp_path / "plausch.sqlite3").write_text("not a database " * 100)
    done = await plausch(tmp_path, settings, "ask", "Wie spät ist es?")

    assert (done.code, done.out) == (1, "")
    assert "plausch doctor" in done.err


async def test_a_request_that_the_model_refuses_ends_with_the_reason_on_standard_error(
    tmp_path: Path, settings: dict[str, str]
) -> None:
    done = await plausch(tmp_path, settings, "ask", "lang " * 6000)

    assert (done.code, done.out) == (1, "")
    assert "zu lang für mich" in done.err


async def test_while_the_model_server_has_too_much_to_do_standard_output_stays_clean(
    tmp_path: Path, settings: dict[str, str], tgi: StandInTGI
) -> None:
    tgi.faults.append(Fault(FaultKind.STATUS, status=429))
    done = await plausch(tmp_path, settings, "ask", "Wie spät ist es?")

    assert (done.code, done.out) == (0, f"{NOTICE}Es ist zwölf Uhr.\n")
    assert "Das dauert gerade etwas länger" in done.err


async def test_ctrl_c_stops_the_answer_and_what_was_written_stays(
    tmp_path: Path, settings: dict[str, str], tgi: StandInTGI
) -> None:
    tgi.pace.pause()
    async with piped(tmp_path, settings, "ask", "Wie spät ist es?") as process, asyncio.timeout(BOUND_SECONDS):
        assert process.stdout is not None
        tgi.pace.step(2)
        await process.stdout.readuntil(b"Es ist")
        process.send_signal(signal.SIGINT)

        assert "Gestoppt" in (await process.stdout.read()).decode()
        assert await process.wait() == 130
    await asyncio.wait_for(tgi.generations[0].ended.wait(), BOUND_SECONDS)
    assert tgi.generations[0].outcome is Outcome.CANCELLED
    assert await rows(settings, "SELECT kind, text FROM answers") == [("stopped", "Es ist")]


async def test_who_is_ended_while_it_writes_leaves_no_open_turn(
    tmp_path: Path, settings: dict[str, str], tgi: StandInTGI
) -> None:
    tgi.pace.pause()
    async with piped(tmp_path, settings, "ask", "Wie spät ist es?") as process, asyncio.timeout(BOUND_SECONDS):
        assert process.stdout is not None
        tgi.pace.step(2)
        await process.stdout.readuntil(b"Es ist")
        process.terminate()
        assert await process.wait() != 0
    assert await rows(settings, "SELECT state FROM turns") == [("undeliverable",)]


async def test_a_reader_that_goes_away_ends_it_without_a_traceback(
    tmp_path: Path, settings: dict[str, str], tgi: StandInTGI
) -> None:
    tgi.pace.pause()
    async with piped(tmp_path, settings, "ask", "Wie spät ist es?") as process, asyncio.timeout(BOUND_SECONDS):
        assert process.stdout is not None
        assert process.stderr is not None
        tgi.pace.step(2)
        await process.stdout.readuntil(b"Es ist")
        process._transport.get_pipe_transport(1).close()  # type: ignore[attr-defined] # asyncio has no other way
        tgi.pace.resume()

        assert (await process.stderr.read()).decode() == ""
        assert await process.wait() == 1


async def test_nothing_that_the_model_writes_speaks_to_the_terminal(tmp_path: Path, settings: dict[str, str]) -> None:
    hostile = ["\x1b]0;gekapert\x07", "\x9b31m", "\x1b[2J", "Zeile\rdarüber", "\u202egnp.exe"]
    async with StandInTGI(lambda _: [*hostile, " Ende."]) as tgi:
        done = await plausch(tmp_path, settings | {"model_url": tgi.url}, "ask", "Hallo")

    assert done.out.endswith(" Ende.\n")
    assert not set(done.out) & {"\x1b", "\x07", "\x9b", "\r", "\u202e"}
