"""``plausch chat`` as a real process in a pseudo-terminal."""

from __future__ import annotations

import asyncio
import signal
from typing import TYPE_CHECKING

import pytest

from adapters.standins.script import Outcome
from adapters.standins.tgi import StandInTGI
from tests.support.databases import Rows, opened
from tests.support.service import browser, free_port, running
from tests.support.terminal import BOUND_SECONDS, plausch, terminal

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

PROMPT = "Du: "
ANSWER = ["Es ", "ist ", "**zwölf**", " Uhr."]


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


async def test_a_question_is_answered_while_it_is_written_and_stored(
    tmp_path: Path, settings: dict[str, str], tgi: StandInTGI
) -> None:
    tgi.pace.pause()
    async with terminal(tmp_path, settings, "chat") as person:
        await person.until(PROMPT)
        person.type("Wie spät ist es?\r")
        tgi.pace.step(2)
        await person.until("Es ist")
        assert tgi.active == 1
        tgi.pace.resume()
        await person.until("Es ist zwölf Uhr.")
        await person.until(PROMPT, 2)
        person.type("\x04")

        assert await person.ended() == 0
        assert "Ich bin eine KI" in person.text
        assert "Bis bald!" in person.text
        assert "**" not in person.text
    stored = await rows(
        settings,
        "SELECT platform, state, kind, answers.text FROM conversations JOIN turns ON"
        " turns.conversation_id = conversations.id JOIN answers ON answers.turn_id = turns.id",
    )
    assert stored == [("console", "shown", "answer", "Es ist **zwölf** Uhr.")]


async def test_the_second_question_knows_the_first_and_a_fresh_start_does_not(
    tmp_path: Path, settings: dict[str, str], tgi: StandInTGI
) -> None:
    async with terminal(tmp_path, settings, "chat") as person:
        for number, said in enumerate(("Erstens", "Zweitens", "/neu", "Drittens"), start=1):
            await person.until(PROMPT, number)
            person.type(f"{said}\r")
        await person.until(PROMPT, 5)

    prompts = [request["inputs"] for request in tgi.requests]
    assert ["Erstens" in prompt for prompt in prompts] == [True, True, False]
    assert "Wir fangen neu an" in person.text


async def test_commands_are_answered_without_the_model(
    tmp_path: Path, settings: dict[str, str], tgi: StandInTGI
) -> None:
    async with terminal(tmp_path, settings, "chat") as person:
        for number, said in enumerate(("/info", "/hilfe", "/stop", ""), start=1):
            await person.until(PROMPT, number)
            person.type(f"{said}\r")
        await person.until(PROMPT, 5)

    assert "plausch/stand-in" in person.text
    assert "diese Übersicht" in person.text
    assert "Ich schreibe gerade nichts" in person.text
    assert tgi.requests == []


async def test_whose_language_is_english_is_spoken_to_in_english(tmp_path: Path, settings: dict[str, str]) -> None:
    async with terminal(tmp_path, settings, "chat", lang="en_GB.UTF-8") as person:
        await person.until("You: ")
        person.type("/help\r")
        await person.until("this overview")
        await person.until("You: ", 2)

        assert await person.left() == 0
        assert "See you!" in person.text


async def test_ctrl_c_while_it_writes_stops_the_answer_and_the_chat_goes_on(
    tmp_path: Path, settings: dict[str, str], tgi: StandInTGI
) -> None:
    tgi.pace.pause()
    async with terminal(tmp_path, settings, "chat") as person:
        await person.until(PROMPT)
        person.type("Wie spät ist es?\r")
        tgi.pace.step(2)
        await person.until("Es ist")
        person.type("\x03")
        await person.until("Gestoppt")
        await asyncio.wait_for(tgi.generations[0].ended.wait(), BOUND_SECONDS)
        tgi.pace.resume()
        await person.until(PROMPT, 2)
        person.type("Und jetzt?\r")
        await person.until("Es ist zwölf Uhr.")

    assert tgi.generations[0].outcome is Outcome.CANCELLED
    assert await rows(settings, "SELECT kind, text FROM answers ORDER BY id") == [
        ("stopped", "Es ist"),
        ("answer", "Es ist **zwölf** Uhr."),
    ]


async def test_a_terminal_that_is_closed_while_it_writes_leaves_no_open_turn(
    tmp_path: Path, settings: dict[str, str], tgi: StandInTGI
) -> None:
    tgi.pace.pause()
    async with terminal(tmp_path, settings, "chat") as person:
        await person.until(PROMPT)
        person.type("Wie spät ist es?\r")
        tgi.pace.step(2)
        await person.until("Es ist")
        person.process.send_signal(signal.SIGHUP)

        assert await person.ended() == 128 + signal.SIGHUP
    assert await rows(settings, "SELECT state FROM turns") == [("undeliverable",)]


async def test_nothing_that_the_model_writes_speaks_to_the_terminal(tmp_path: Path, settings: dict[str, str]) -> None:
    hostile = ["\x1b]0;gekapert\x07", "\x9b31m", "\x1b[2J", "&#27;[5m", "&#x9b;5m", "[Link](http://x.test/%1b%5b5m)"]
    async with (
        StandInTGI(lambda _: [*hostile, " Ende."]) as tgi,
        terminal(tmp_path, settings | {"model_url": tgi.url}, "chat") as person,
    ):
        await person.until(PROMPT)
        person.type("Hallo\r")
        await person.until("Ende.")
        await person.until(PROMPT, 2)

        for forbidden in ("\x1b]", "\x07", "\x9b", "\x1b[2J", "\x1b[5m"):
            assert forbidden not in person.raw


async def test_a_long_answer_is_there_as_a_whole_in_the_end(tmp_path: Path, settings: dict[str, str]) -> None:
    lines = [f"- Zeile {number}\n" for number in range(100)]
    async with (
        StandInTGI(lambda _: lines) as tgi,
        terminal(tmp_path, settings | {"model_url": tgi.url}, "chat") as person,
    ):
        await person.until(PROMPT)
        person.type("Zähle!\r")
        await person.until(PROMPT, 2)

    whole = person.text.rpartition("Zeile 0 ")[2]
    assert all(f"Zeile {number} " in whole for number in range(1, 100))


async def test_it_runs_beside_the_service_on_one_sqlite_file(
    tmp_path: Path, settings: dict[str, str], tgi: StandInTGI
) -> None:
    tgi.pace.pause()
    async with running(**settings) as service, browser(service) as page, terminal(tmp_path, settings, "chat") as person:
        await person.until(PROMPT)
        person.type("Aus dem Terminal\r")
        tgi.pace.step(1)
        await person.until("Es")
        await page.send("Von der Seite", 1)
        tgi.pace.resume()
        await person.until("Es ist zwölf Uhr.")
        (turn,) = await page.settled()

        assert "Es ist **zwölf** Uhr." in turn["text"]
        assert len(tgi.requests) == 2


async def test_it_waits_for_a_model_server_that_is_not_there_yet(tmp_path: Path, settings: dict[str, str]) -> None:
    port = free_port()
    async with terminal(tmp_path, settings | {"model_url": f"http://127.0.0.1:{port}"}, "chat") as person:
        await person.until("noch nicht bereit")
        async with StandInTGI(lambda _: ANSWER, port=port):
            await person.until(PROMPT)


async def test_a_server_that_refuses_ends_it_with_the_cure(tmp_path: Path, settings: dict[str, str]) -> None:
    done = await plausch(tmp_path, settings | {"model_server": "openai"}, "chat")

    assert done.code == 1
    assert "set PLAUSCH_MODEL_SERVER=tgi" in done.err
    assert "Traceback" not in done.err


async def test_without_a_terminal_it_answers_each_line(tmp_path: Path, settings: dict[str, str]) -> None:
    done = await plausch(tmp_path, settings, "chat", said="Hallo\n\n/info\n")

    assert done.code == 0
    assert "Es ist zwölf Uhr." in done.out
    assert "plausch/stand-in" in done.out
    assert "\x1b" not in done.out
