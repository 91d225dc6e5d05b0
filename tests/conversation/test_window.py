from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from conversation.window import Counted, MessageTooLong, fit
from tests.support.dialogues import said


def turns(*tokens: int) -> list[Counted]:
    """Past turns that take so many tokens each, at the positions 0, 1, 2 …"""
    return [Counted(said(position, "x"), taken) for position, taken in enumerate(tokens)]


def kept(past: list[Counted], newest: int, budget: int) -> list[int]:
    """The positions that fit."""
    return [exchange.position for exchange in fit(past, newest, budget)]


def test_what_fits_exactly_is_kept_whole() -> None:
    assert kept(turns(30, 30, 30), 10, 100) == [0, 1, 2]


def test_over_budget_the_window_is_cut_to_half_of_it() -> None:
    assert kept(turns(20, 20, 20, 20, 20), 10, 100) == [3, 4]
    assert kept(turns(30, 30, 20, 21), 10, 100) == [3]


def test_the_border_is_a_turns_and_older_turns_that_would_still_fit_are_left_out() -> None:
    assert kept(turns(1, 60, 5), 40, 100) == [2]


def test_the_newest_message_stays_even_where_it_takes_more_than_half() -> None:
    assert kept(turns(50), 60, 100) == []
    assert kept(turns(0, 50), 60, 100) == []


def test_a_message_that_alone_is_too_long_is_told_with_figures() -> None:
    assert kept([], 100, 100) == []
    with pytest.raises(MessageTooLong, match=r"^101 tokens, room for 100$") as too_long:
        fit(turns(1), 101, 100)
    assert (too_long.value.tokens, too_long.value.budget) == (101, 100)


@given(st.lists(st.integers(0, 40), max_size=30), st.integers(0, 60), st.integers(0, 200))
def test_what_is_kept_is_the_newest_part_in_order_and_never_over_budget(
    tokens: list[int], newest: int, budget: int
) -> None:
    if newest > budget:
        with pytest.raises(MessageTooLong):
            fit(turns(*tokens), newest, budget)
        return
    positions = kept(turns(*tokens), newest, budget)
    assert positions == list(range(len(tokens)))[len(tokens) - len(positions) :]
    assert newest + sum(tokens[position] for position in positions) <= budget


@given(st.lists(st.integers(0, 40), max_size=30), st.integers(0, 60), st.integers(0, 200))
def test_a_cut_leaves_half_of_the_budget_and_drops_no_turn_that_would_fit_there(
    tokens: list[int], newest: int, budget: int
) -> None:
    if newest > budget or newest + sum(tokens) <= budget:
        return
    positions = kept(turns(*tokens), newest, budget)
    taken = newest + sum(tokens[position] for position in positions)
    assert taken <= budget // 2 or not positions
    next_older = len(tokens) - len(positions) - 1
    assert taken + tokens[next_older] > budget // 2
