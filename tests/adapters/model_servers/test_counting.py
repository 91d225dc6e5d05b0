from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from adapters.model_servers.counting import Counts, estimate
from adapters.standins.script import input_tokens


def test_german_is_estimated_at_half_its_letters_and_signs_at_their_bytes() -> None:
    assert estimate("") == 1
    assert estimate("Hallo Welt") == 6
    assert estimate("12345") == 6
    assert estimate("ä") == 3
    assert estimate("😀") == 5


@given(st.text())
def test_an_estimate_is_never_too_small_and_no_text_is_too_odd(text: str) -> None:
    assert estimate(text) > 0
    assert estimate("\ud800" + text) >= estimate(text)


def test_an_estimate_is_no_less_than_a_count() -> None:
    text = "Die Würde des Menschen ist unantastbar. Sie zu achten und zu schützen ist Verpflichtung. 2024 §1 \n" * 9

    assert estimate(text) >= input_tokens(text)


def test_the_count_that_was_used_longest_ago_makes_room() -> None:
    counts = Counts(size=2)
    counts.put("a", 1)
    counts.put("b", 2)
    assert counts.get("a") == 1
    counts.put("c", 3)

    assert (counts.get("a"), counts.get("b"), counts.get("c")) == (1, None, 3)


def test_no_text_stays_in_the_memory_of_counts() -> None:
    counts = Counts()
    counts.put("geheim\ud800", 4)

    assert counts.get("geheim\ud800") == 4
    assert b"geheim" not in b"".join(counts._known)
