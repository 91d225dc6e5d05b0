from __future__ import annotations

from dataclasses import fields
from string import Formatter

import pytest

from conversation.commands import WORDS
from conversation.texts import ENGLISH, GERMAN, Texts, texts_for

FIELDS = [field.name for field in fields(Texts)]


def braces(text: str) -> set[str]:
    """The names that a text is filled with."""
    return {name for _, name, _, _ in Formatter().parse(text) if name is not None}


@pytest.mark.parametrize("name", FIELDS)
def test_each_text_says_something_in_both_languages_and_not_the_same(name: str) -> None:
    german, english = getattr(GERMAN, name), getattr(ENGLISH, name)
    assert german == german.strip() != ""
    assert english == english.strip() != ""
    assert german != english


@pytest.mark.parametrize("name", FIELDS)
def test_each_text_is_filled_with_the_same_in_both_languages(name: str) -> None:
    expected = {"about": {"model", "licence"}, "too_long": {"tokens", "budget"}}.get(name, set())
    assert braces(getattr(GERMAN, name)) == braces(getattr(ENGLISH, name)) == expected


@pytest.mark.parametrize("name", FIELDS)
def test_german_texts_say_du(name: str) -> None:
    assert not {"Sie", "Ihnen", "Ihr", "Ihre"} & set(getattr(GERMAN, name).replace(",", " ").split())


@pytest.mark.parametrize(("texts", "going_on"), [(GERMAN, "weiter"), (ENGLISH, "continue")])
def test_the_overview_names_only_words_that_work(texts: Texts, going_on: str) -> None:
    named = [line.removeprefix("- `").partition("`")[0] for line in texts.help.splitlines() if line.startswith("- `")]
    assert len(named) == 5
    assert set(named) <= {*WORDS, going_on}
    assert {WORDS[word] for word in named if word != going_on} == set(WORDS.values())
    assert going_on in texts.tokens_used_up


@pytest.mark.parametrize("locale", ["de", "de-AT", "de_CH", "DE", "fr", "pt-BR", "engl", "", None])
def test_german_is_what_a_person_reads_whose_language_is_not_english(locale: str | None) -> None:
    assert texts_for(locale) is GERMAN


@pytest.mark.parametrize("locale", ["en", "en-GB", "en_US", "EN-us", "en_US.UTF-8"])
def test_english_is_read_by_those_who_speak_it(locale: str) -> None:
    assert texts_for(locale) is ENGLISH
