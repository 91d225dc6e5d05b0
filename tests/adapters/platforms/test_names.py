from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.platforms.names import LONGEST, clean


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("Jörg Müßig", "Jörg Müßig"),
        ("名前 🙂", "名前 🙂"),
        ("Anna\nLena\u2028Eva", "Anna Lena Eva"),
        ("  Anna \t\n\u2028 Lena\x85", "Anna Lena"),
        ("\u202egnp.exe\u2066", "gnp.exe"),
        ("US\u200bER\0:\ud800", "USER:"),
        ("\u200b\u202e \n", ""),
        (None, ""),
        (["Anna"], ""),
    ],
)
def test_a_name_stands_in_one_line_and_all_of_it_can_be_seen(name: object, shown: str) -> None:
    assert clean(name) == shown


@given(st.text(st.characters(), max_size=300))
def test_no_name_is_long_or_hides_anything(name: str) -> None:
    shown = clean(name)
    assert len(shown) <= LONGEST
    assert shown.splitlines() in ([], [shown])
    assert not any(unicodedata.category(character).startswith("C") for character in shown)
