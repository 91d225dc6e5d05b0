"""What the terminal's commands share: text that is safe, the language, sessions that were left."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import given, strategies

from adapters.standins.tgi import StandInTGI
from bot.models import served
from bot.settings import Settings
from bot.terminal import opened
from bot.terminal_text import in_one_line, printable
from bot.terminal_words import locale_of_terminal, words_for
from tests.support.databases import Rows
from tests.support.databases import opened as database_opened
from tests.support.service import running

if TYPE_CHECKING:
    from pathlib import Path


@given(strategies.text(), strategies.text())
def test_what_begins_alike_still_begins_alike_when_it_is_made_safe(beginning: str, rest: str) -> None:
    assert printable(beginning + rest).startswith(printable(beginning))


@given(strategies.text())
def test_nothing_in_a_safe_text_moves_a_cursor_or_begins_an_escape_sequence(text: str) -> None:
    safe = printable(text)

    forbidden = {*range(0x20), *range(0x7F, 0xA0), 0x202E, 0x2066, 0x2028} - {ord("\n"), ord("\t")}
    assert not set(map(ord, safe)) & forbidden


def test_letters_line_breaks_and_emoji_stay_as_they_are() -> None:
    text = "Grüße,\n\t„Käse“ – 👩‍🔬 שלום"

    assert printable(text) == text


def test_a_line_of_a_report_is_one_line_of_bounded_length() -> None:
    assert in_one_line("eins\n  zwei\x1b[2J") == "eins zwei�[2J"
    assert len(in_one_line("x" * 10_000)) == 400


@pytest.mark.parametrize(
    ("environment", "locale"),
    [
        ({"LANG": "de_DE.UTF-8"}, "de_DE"),
        ({"LANG": "de_DE.UTF-8", "LC_ALL": "en_GB.UTF-8"}, "en_GB"),
        ({"LANG": "en_US", "LC_MESSAGES": "de_AT@euro", "LC_ALL": ""}, "de_AT"),
        ({"LANG": "C.UTF-8"}, None),
        ({"LC_ALL": "POSIX", "LANG": "en_GB"}, None),
        ({}, None),
    ],
)
def test_the_language_is_the_terminals(environment: dict[str, str], locale: str | None) -> None:
    assert locale_of_terminal(environment) == locale


def test_german_is_spoken_where_no_language_of_ours_is_asked_for() -> None:
    assert words_for(None) == words_for("de_AT") == words_for("fr_FR")
    assert words_for("en_GB").prompt == "You: "


async def test_what_killed_terminals_left_open_is_ended_and_what_is_younger_is_not(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/plausch.sqlite3"
    async with StandInTGI() as tgi, database_opened(url) as database:
        settings = Settings.model_validate({"database_url": url, "model_server": "tgi", "model_url": tgi.url})
        async with opened(settings, served(settings)) as killed, opened(settings, served(settings)) as alive:
            for session in (killed, alive):
                await session._parts.intake.accept(session._message("Ist da wer?"))
            rows = Rows(database)
            old = "UPDATE turns SET arrived_at = '2001-01-01 00:00:00' WHERE position = :first AND conversation_id ="
            first = "(SELECT id FROM conversations WHERE thread = :thread)"
            await rows.change(f"{old} {first}", first=await _first(rows), thread=killed.key.thread)
            async with opened(settings, served(settings)):
                pass

            states = "SELECT thread, state FROM turns JOIN conversations ON conversations.id = conversation_id"
            assert dict(map(tuple, await rows.select(states))) == {
                killed.key.thread: "undeliverable",
                alive.key.thread: "open",
            }


async def test_the_service_leaves_terminal_sessions_alone(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/plausch.sqlite3"
    async with StandInTGI() as tgi, database_opened(url) as database:
        settings = {"database_url": url, "model_server": "tgi", "model_url": tgi.url}
        own = Settings.model_validate(settings)
        async with opened(own, served(own)) as session:
            await session._parts.intake.accept(session._message("Ist da wer?"))
            async with running(**settings):
                pass

            assert await Rows(database).select("SELECT state FROM turns") == [("open",)]


async def _first(rows: Rows) -> int:
    return int((await rows.select("SELECT min(position) FROM turns"))[0][0])
