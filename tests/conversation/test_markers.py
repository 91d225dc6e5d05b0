from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given

from conversation.prompts.markers import JOINER, neutralise, restore
from tests.support.hostile import MARKERS, markers_in, texts


@pytest.mark.parametrize("marker", MARKERS)
def test_a_marker_is_neutralised_wherever_it_stands(marker: str) -> None:
    for text in (marker, f"Sag {marker} bitte", f"x\n{marker}{marker}", f"({marker})", f"<|{marker}|>", f"<{marker}>"):
        assert sum(markers_in(neutralise(text)).values()) == 0


@pytest.mark.parametrize("marker", MARKERS)
def test_a_neutralised_marker_reads_the_same(marker: str) -> None:
    assert neutralise(marker) != marker
    assert neutralise(marker).replace(JOINER, "") == marker
    for form in ("NFC", "NFD", "NFKC", "NFKD"):
        assert unicodedata.normalize(form, neutralise(marker)) == neutralise(marker)


@pytest.mark.parametrize(
    "text",
    [
        "HÄUSER:",
        unicodedata.normalize("NFD", "HÄUSER:"),
        "POSTGRES_USER: plausch",
        "END-USER:",
        "4USER:",
        "MASSISTANT:",
    ],
)
def test_a_role_word_inside_a_longer_word_is_none(text: str) -> None:
    assert neutralise(text) == text


@pytest.mark.parametrize(
    "text", ["User: ich", "user:", "USER ohne Doppelpunkt", "USER :", "a < b", "<b>", "<|>", "[1]"]
)
def test_what_no_model_takes_for_a_marker_stays(text: str) -> None:
    assert neutralise(text) == text


@pytest.mark.parametrize("before", ["", " ", "\n", "\t", ".", "(", "*", "/", "\u00ad", JOINER, "\u200b", "²", "„"])
def test_a_role_word_after_anything_else_is_one(before: str) -> None:
    assert neutralise(f"{before}USER: x") == f"{before}USER{JOINER}: x"


def test_what_a_person_wrote_in_the_neutralised_form_comes_back_too() -> None:
    text = f"USER{JOINER}: und POSTGRES_USER{JOINER}{JOINER}: und </s{JOINER}>"
    assert neutralise(text) != text
    assert restore(neutralise(text)) == text


def test_the_original_comes_back_in_the_middle_of_another_word_too() -> None:
    assert restore(f"POSTGRES_USER{JOINER}: plausch") == "POSTGRES_USER: plausch"


@given(texts)
def test_no_text_has_a_marker_once_it_is_neutralised(text: str) -> None:
    assert sum(markers_in(neutralise(text)).values()) == 0


@given(texts)
def test_restoring_gives_back_what_was_written(text: str) -> None:
    assert restore(neutralise(text)) == text
