from __future__ import annotations

from datetime import timedelta

import pytest

from conversation.answering import Answering
from conversation.generation import FinishReason
from conversation.texts import ENGLISH, GERMAN
from conversation.turns import Ending, EndingKind
from tests.support.dialogues import EARLY, asked, claim
from tests.support.words import question


def written(text: str, *, greet: bool = False) -> Answering:
    """An answer of which this is written."""
    answering = asked("Hallo", greet=greet)
    answering.pieces += [text]
    return answering


def test_nothing_is_shown_before_the_first_piece() -> None:
    assert asked("Hallo", greet=True).so_far() == ""


def test_what_is_written_so_far_is_led_by_the_notice_where_it_is_due() -> None:
    assert written("Zwölf").so_far() == "Zwölf"
    assert written("Zwölf", greet=True).so_far() == f"{GERMAN.ai_notice}\n\nZwölf"


@pytest.mark.parametrize("greet", [True, False])
@pytest.mark.parametrize("pieces", [["Zwölf", " Uhr", ".\n"], ["\nZwölf\n\n"], ["\n"], ["Eins", ""]])
def test_what_is_shown_of_an_answer_is_what_its_ending_would_show(pieces: list[str], *, greet: bool) -> None:
    answering = asked("Hallo", greet=greet)
    for piece in pieces:
        answering.pieces.append(piece)
        assert answering.so_far() == answering.ending(EndingKind.ANSWER, answering.text).shown
    assert answering.text == "".join(pieces)


def test_a_stopped_answer_keeps_what_the_person_saw() -> None:
    ending = written("Zwölf", greet=True).stopped()
    assert ending.shown == f"{GERMAN.ai_notice}\n\nZwölf\n\n{GERMAN.stopped}"
    assert (ending.kind, ending.text, ending.record.finish) == (EndingKind.STOPPED, "Zwölf", FinishReason.STOPPED)


def test_an_answer_that_was_stopped_before_its_first_piece_says_so() -> None:
    assert asked("Hallo", greet=True).stopped().shown == GERMAN.stopped_early
    assert asked("Hello", locale="en").stopped().shown == ENGLISH.stopped_early


def test_what_the_service_says_instead_of_an_answer_is_in_the_persons_language() -> None:
    assert (asked("Hallo").refused().kind, asked("Hallo").parked().kind) == (EndingKind.REFUSED, EndingKind.PARKED)
    assert (asked("Hallo").refused().shown, asked("Hallo").parked().shown) == (GERMAN.refused, GERMAN.parked)
    english = asked("Hello", locale="en")
    assert (english.refused().shown, english.parked().shown) == (ENGLISH.refused, ENGLISH.parked)


def test_every_ending_tells_when_its_turn_was_claimed_and_how_often() -> None:
    record = Answering(claim(failures=4)).parked().record
    assert (record.attempts, record.claimed_at) == (5, EARLY + timedelta(seconds=2))


def test_the_newest_message_says_whether_several_people_talk_there() -> None:
    assert not asked("Hallo").in_a_room
    assert Answering(claim(question(), question(direct=False))).in_a_room


@pytest.mark.parametrize(
    ("text", "closing"),
    [
        ("So:\n```python\nprint(1)", "```"),
        ("So:\n````\n```\nx", "````"),
        ("~~~\n```", "~~~"),
        ("~~~ a`b\nx", "~~~"),
        ("- so:\n  ```\n  x", "  ```"),
        ("> ```\n> x", "> ```"),
        ("```\nx\n```\n\n```\ny", "```"),
        ("```\nx\n``` y", "```"),
    ],
)
def test_our_line_never_stands_in_a_code_block_that_the_model_left_open(text: str, closing: str) -> None:
    ending = written(text).stopped()
    assert ending.shown == f"{text}\n\n{closing}\n\n{GERMAN.stopped}"
    assert ending.text == text


@pytest.mark.parametrize(
    "text", ["Ja.", "```\nx\n```", "```\nx\n`````", "~~~\nx\n~~~ ", "``` x ```", "Nimm `x` oder ``y``", "a ```\nb"]
)
def test_where_no_code_block_is_open_none_is_closed(text: str) -> None:
    assert written(text).stopped().trail == GERMAN.stopped


def test_an_answer_without_a_line_of_ours_is_left_as_the_model_wrote_it() -> None:
    assert asked("Hallo").ending(EndingKind.ANSWER, "```\nx") == Ending(
        EndingKind.ANSWER, "```\nx", record=asked("Hallo").record
    )
