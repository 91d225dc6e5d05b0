from __future__ import annotations

from bot.told import Told


def test_a_turns_person_is_told_once_until_the_turn_is_over() -> None:
    told = Told()

    assert [told.is_new("a"), told.is_new("a"), told.is_new("b")] == [True, False, True]
    told.forget("a")
    told.forget("unknown")
    assert [told.is_new("a"), told.is_new("b")] == [True, False]


def test_the_turn_that_was_tried_longest_ago_makes_room() -> None:
    told = Told(size=2)
    for turn_id in ("a", "b", "a", "c"):
        told.is_new(turn_id)

    assert [told.is_new("a"), told.is_new("b")] == [False, True]
