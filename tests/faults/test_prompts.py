"""The check of prompts finds a question of somebody else's, and one that is missing."""

from __future__ import annotations

import pytest

from tests.faults.redis_lost import check_prompts
from tests.faults.transcript import mark_of


def prompt(*questions: tuple[int, int]) -> str:
    """As the model reads it, each question and answer with its mark; a pair is conversation and number."""
    marks = [mark_of("beef", *question) for question in questions]
    return " ".join(f"USER: Was weißt du über {mark}? ASSISTANT: Zu {mark} dies." for mark in marks)


def test_a_conversation_without_a_gap_is_well_wherever_it_was_cut() -> None:
    check_prompts([prompt((1, 0)), prompt((1, 0), (1, 1)), prompt((2, 3), (2, 4), (2, 5))])


@pytest.mark.parametrize(
    ("questions", "says"),
    [
        (((1, 0), (2, 1)), "qbeefc00002n0001 was asked with qbeefc00001n0000"),
        (((1, 0), (1, 2)), "qbeefc00001n0002 follows qbeefc00001n0000"),
        (((1, 1), (1, 0)), "qbeefc00001n0000 follows qbeefc00001n0001"),
    ],
)
def test_a_strange_or_a_missing_question_is_named(questions: tuple[tuple[int, int], ...], says: str) -> None:
    with pytest.raises(AssertionError, match=says):
        check_prompts([prompt(*questions)])
