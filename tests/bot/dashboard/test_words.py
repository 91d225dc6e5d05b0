"""What the pages say: all of it in German too, and dates and numbers as the language writes them."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta, timezone
from importlib.resources import files
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

import pytest
from babel.messages.extract import extract_from_dir
from babel.messages.pofile import read_po

from bot.dashboard.words import CATALOGUES, Words, words_for
from tests.support.files import ROOT

if TYPE_CHECKING:
    from collections.abc import Sequence

    from babel.messages.catalog import Catalog

BERLIN = ZoneInfo("Europe/Berlin")
METHODS = [("**.py", "python"), ("templates/**.html", "jinja2")]
OPTIONS = {"templates/**.html": {"silent": "false", "trim_blocks": "true", "lstrip_blocks": "true"}}
PLACEHOLDER = re.compile(r"%(?:\((\w+)\)[sd]|%|.?)")


def said() -> set[Any]:
    """Every text in the code and the templates: a string, or a pair where there is a plural."""
    found = extract_from_dir(ROOT / "bot" / "dashboard", METHODS, OPTIONS)
    return {message for _, _, message, _, _ in found}


@pytest.fixture(scope="module")
def german() -> Catalog:
    with files("bot.dashboard").joinpath(CATALOGUES["de"]).open("rb") as text:
        return read_po(text, locale="de", abort_invalid=True)


def test_every_text_stands_in_the_german_catalogue_and_no_other(german: Catalog) -> None:
    there = {message.id for message in german if message.id}
    assert said() - there == set()
    assert there - said() == set()
    assert german.obsolete == {}


def test_every_text_is_translated(german: Catalog) -> None:
    for message in german:
        if message.id:
            assert not message.fuzzy, message.id
            forms = each(message.string)
            assert all(forms), message.id
            assert len(forms) == (german.num_plurals if message.pluralizable else 1), message.id


def test_a_translation_has_the_placeholders_and_tags_of_its_text(german: Catalog) -> None:
    for message in german:
        if message.id:
            originals = each(message.id)
            for text in (*originals, *each(message.string)):
                assert parts_of(text) == parts_of(originals[0]), message.id


def each(text: str | Sequence[str] | None) -> Sequence[str]:
    """The forms of a text: one, or as many as it has plurals."""
    return (text,) if isinstance(text, str) else text or ()


def parts_of(text: str) -> list[str]:
    """What must be the same in every language."""
    placeholders = [found.group() for found in PLACEHOLDER.finditer(text)]
    assert not [found for found in placeholders if found[:2] not in {"%(", "%%"}], text
    return sorted(placeholders + re.findall(r"</?\w+>", text))


def test_no_translation_is_only_the_english_text_again(german: Catalog) -> None:
    same = {message.id for message in german if message.id and message.id == message.string}
    assert same == {"Browser", "ID", "NAME", "Name", "SERVER"}


def test_texts_are_in_the_language_and_an_unknown_language_is_the_first() -> None:
    assert Words("de", None).gettext("Sign in") == "Anmelden"
    assert Words("en", None).gettext("Sign in") == "Sign in"
    assert Words("tlh", None).language == "de"
    parked = ("%(num)s turn is parked", "%(num)s turns are parked")
    assert Words("de", None).ngettext(*parked, 1) == "%(num)s Anfrage ist zurückgestellt"
    assert Words("de", None).ngettext(*parked, 2) == "%(num)s Anfragen sind zurückgestellt"
    assert Words("en", None).ngettext(*parked, 2) == parked[1]


def test_words_are_made_once() -> None:
    assert words_for("de", BERLIN) is words_for("de", BERLIN)
    assert words_for("de", BERLIN) is not words_for("de", None)


@pytest.mark.parametrize(
    ("language", "moment", "day"),
    [
        ("de", "09.03.2026, 14:05", "Montag, 9. März 2026"),
        ("en", "9 Mar 2026, 14:05", "Monday, 9 March 2026"),
    ],
)
def test_a_date_is_the_languages_own_in_the_operators_zone(language: str, moment: str, day: str) -> None:
    words = Words(language, BERLIN)
    when = datetime(2026, 3, 9, 13, 5, 7, tzinfo=UTC)
    assert words.moment(when) == moment
    assert words.day(when).replace("Monday 9", "Monday, 9") == day
    assert words.clock(when) == "14:05:07"


def test_a_date_follows_summer_time_and_the_day_of_the_zone() -> None:
    words = Words("de", BERLIN)
    assert words.moment(datetime(2026, 7, 1, 22, 30, tzinfo=UTC)) == "02.07.2026, 00:30"
    assert words.day(datetime(2026, 7, 1, 22, 30, tzinfo=UTC)) == "Donnerstag, 2. Juli 2026"
    assert words.moment(datetime(2026, 7, 1, 22, 30, tzinfo=timezone(timedelta(hours=2)))) == "01.07.2026, 22:30"


def test_without_a_zone_a_time_says_that_it_is_utc() -> None:
    when = datetime(2026, 7, 1, 22, 30, tzinfo=UTC)
    assert Words("de", None).moment(when) == "01.07.2026, 22:30 UTC"
    assert Words("en", None).clock(when) == "22:30:00 UTC"


@pytest.mark.parametrize(
    ("passed", "german", "english"),
    [
        (timedelta(seconds=-2), "gerade eben", "just now"),
        (timedelta(seconds=59), "gerade eben", "just now"),
        (timedelta(minutes=3), "vor 3 Minuten", "3 minutes ago"),
        (timedelta(hours=1), "vor 1 Stunde", "1 hour ago"),
        (timedelta(days=3), "vor 3 Tagen", "3 days ago"),
    ],
)
def test_how_long_ago_something_was(passed: timedelta, german: str, english: str) -> None:
    assert Words("de", None).ago(passed) == german
    assert Words("en", None).ago(passed) == english


@pytest.mark.parametrize(
    ("seconds", "german", "english"),
    [
        (-1, "0 Sekunden", "0 seconds"),
        (1, "1 Sekunde", "1 second"),
        (200, "3 Minuten", "3 minutes"),
        (3 * 86_400, "3 Tage", "3 days"),
    ],
)
def test_how_long_something_takes(seconds: float, german: str, english: str) -> None:
    assert Words("de", None).span(seconds) == german
    assert Words("en", None).span(seconds) == english


def test_numbers_have_the_languages_separators() -> None:
    assert Words("de", None).number(1_234_567) == "1.234.567"
    assert Words("en", None).number(1_234_567) == "1,234,567"
    assert Words("de", None).number(0.5) == "0,5"
