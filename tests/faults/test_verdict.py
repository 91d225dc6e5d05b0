"""The checker itself: each count is made wrong once, since a check that can't fail is none."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from tests.faults.transcript import Account, Logged, Question, Seen, Send, mark_of, marks_in
from tests.faults.verdict import Verdict, judge

if TYPE_CHECKING:
    from collections.abc import Callable

CHAT, OTHER_CHAT = "4001/", "4002/"
FIRST, SECOND, OTHERS = mark_of("beef", 1, 0), mark_of("beef", 1, 1), mark_of("beef", 2, 0)


def turn(number: int, mark: str, chat: str = CHAT, **more: Any) -> Logged:
    """A turn that was answered by the message with the same number."""
    return Logged(
        turn_id=f"turn {number}",
        conversation=chat,
        position=number,
        state="shown",
        questions=(f"Frage {mark}?",),
        kind="answer",
        parts=(f"Antwort auf {mark}.",),
        sends=(Send(0, str(number)),),
        **more,
    )


def seen(number: int, text: str, chat: str = CHAT, **more: Any) -> Seen:
    """A message that has read like this since the second of its number."""
    return Seen(chat, str(number), number, text, float(number), **more)


GOOD = Account(
    asked=(Question(CHAT, 0, FIRST), Question(CHAT, 1, SECOND), Question(OTHER_CHAT, 0, OTHERS)),
    seen=(
        seen(1, f"Antwort auf {FIRST}."),
        seen(2, f"Antwort auf {SECOND}."),
        seen(3, f"Antwort auf {OTHERS}.", OTHER_CHAT),
    ),
    logged=(turn(1, FIRST), turn(2, SECOND), turn(3, OTHERS, OTHER_CHAT)),
)


def test_marks_are_found_in_a_text_in_their_order() -> None:
    assert marks_in(f"Zu {SECOND}, nicht zu {FIRST}.") == [SECOND, FIRST]


def test_what_was_answered_once_in_order_and_as_logged_is_clean() -> None:
    verdict = judge(GOOD)
    assert verdict == Verdict(sent=3, answered=3)
    assert verdict.clean


def without_an_answer(good: Account) -> Account:
    return replace(good, seen=good.seen[1:])


def acknowledged_and_not_stored(good: Account) -> Account:
    return replace(good, seen=good.seen[1:], logged=good.logged[1:])


def decided_and_never_shown(good: Account) -> Account:
    decided = replace(good.logged[0], state="decided", sends=())
    return replace(good, seen=good.seen[1:], logged=(decided, *good.logged[1:]))


def half_an_answer(good: Account) -> Account:
    longer = replace(good.logged[0], parts=(*good.logged[0].parts, "und weiter"))
    return replace(good, logged=(longer, *good.logged[1:]))


def answered_twice(good: Account) -> Account:
    again = replace(good.seen[1], message_id="9", order=9, since=9.0)
    return replace(good, seen=(*good.seen, again))


def answered_twice_by_two_sends(good: Account) -> Account:
    twice = replace(good.logged[1], sends=(Send(0, "2"), Send(0, "9")))
    return replace(answered_twice(good), logged=(good.logged[0], twice, good.logged[2]))


def stored_twice(good: Account) -> Account:
    again = replace(good.logged[0], turn_id="turn 9", position=9, sends=(), state="open", parts=())
    return replace(good, logged=(*good.logged, again))


def stored_twice_in_one_turn(good: Account) -> Account:
    again = replace(good.logged[0], questions=good.logged[0].questions * 2)
    return replace(good, logged=(again, *good.logged[1:]))


def standing_in_another_order(good: Account) -> Account:
    first, second, other = good.seen
    return replace(good, seen=(replace(first, order=2), replace(second, order=1), other))


def ended_in_another_order(good: Account) -> Account:
    first, second, other = good.seen
    return replace(good, seen=(replace(first, since=2.5), second, other))


def shown_otherwise_than_logged(good: Account) -> Account:
    return replace(good, seen=(replace(good.seen[0], text=f"Antwort auf {FIRST}"), *good.seen[1:]))


def shown_in_another_conversation(good: Account) -> Account:
    return replace(good, seen=(*good.seen, seen(9, f"Antwort auf {FIRST}.", OTHER_CHAT)))


def speaking_of_another_conversation(good: Account) -> Account:
    text = f"Antwort auf {OTHERS}."
    mixed_up = replace(good.logged[0], parts=(text,))
    return replace(good, seen=(replace(good.seen[0], text=text), *good.seen[1:]), logged=(mixed_up, *good.logged[1:]))


def answering_the_question_before(good: Account) -> Account:
    text = f"Antwort auf {FIRST}."
    mixed_up = replace(good.logged[1], parts=(text,))
    first, second, other = good.seen
    return replace(
        good,
        seen=(first, replace(second, text=text), other),
        logged=(good.logged[0], mixed_up, turn(3, OTHERS, OTHER_CHAT)),
    )


def stored_in_another_conversation(good: Account) -> Account:
    return replace(good, logged=(replace(good.logged[0], conversation=OTHER_CHAT), *good.logged[1:]))


def changed_after_it_was_decided(good: Account) -> Account:
    return replace(good, noted={"turn 1": ("Antwort, die erste.",), "turn 2": good.logged[1].parts})


def with_an_unknown_text(good: Account) -> Account:
    return replace(good, seen=(*good.seen, seen(9, "Hallo!")))


def with_an_open_stream(good: Account) -> Account:
    return replace(good, seen=(replace(good.seen[0], streaming=True), *good.seen[1:]))


def with_an_empty_open_stream(good: Account) -> Account:
    return replace(good, seen=(*good.seen, seen(9, "", streaming=True)))


def with_an_empty_placeholder(good: Account) -> Account:
    return replace(good, seen=(*good.seen, seen(9, "…")))


def with_an_empty_placeholder_that_could_be_found(good: Account) -> Account:
    return replace(with_a_cut_send(with_an_empty_placeholder(good)), can_find=frozenset({CHAT}))


def with_a_cut_send(good: Account) -> Account:
    cut = replace(good.logged[0], sends=(Send(0, ""), *good.logged[0].sends))
    return replace(good, logged=(cut, *good.logged[1:]))


@pytest.mark.parametrize(
    ("spoilt", "counts"),
    [
        (without_an_answer, {"lost": 1, "answered": 2}),
        (acknowledged_and_not_stored, {"lost": 1, "answered": 2}),
        (decided_and_never_shown, {"lost": 1, "answered": 2}),
        (half_an_answer, {"lost": 1, "answered": 2}),
        (answered_twice, {"double": 1, "answered": 2}),
        (answered_twice_by_two_sends, {"double": 1, "answered": 2}),
        (stored_twice, {"double": 1, "answered": 2}),
        (stored_twice_in_one_turn, {"double": 1, "answered": 2}),
        (standing_in_another_order, {"out_of_order": 1, "answered": 3}),
        (ended_in_another_order, {"out_of_order": 1, "answered": 3}),
        (shown_otherwise_than_logged, {"wrong": 1, "answered": 3}),
        (shown_in_another_conversation, {"wrong": 1, "answered": 3}),
        (speaking_of_another_conversation, {"wrong": 1, "answered": 3}),
        (answering_the_question_before, {"wrong": 1, "answered": 3}),
        (stored_in_another_conversation, {"wrong": 2, "lost": 1, "answered": 2}),
        (changed_after_it_was_decided, {"wrong": 1, "answered": 3}),
        (with_an_unknown_text, {"wrong": 1, "answered": 3}),
        (with_an_open_stream, {"wrong": 1, "lost": 1, "answered": 2}),
        (with_an_empty_open_stream, {"wrong": 1, "answered": 3}),
        (with_an_empty_placeholder, {"wrong": 1, "answered": 3}),
        (with_an_empty_placeholder_that_could_be_found, {"wrong": 1, "answered": 3}),
    ],
)
def test_each_count_rises_where_something_is_wrong(
    spoilt: Callable[[Account], Account], counts: dict[str, Any]
) -> None:
    verdict = judge(spoilt(GOOD))
    expected = Verdict(sent=3, **counts)
    assert replace(verdict, complaints=[]) == expected, verdict.complaints
    assert not verdict.clean
    assert len(verdict.complaints) == verdict.lost + verdict.double + verdict.out_of_order + verdict.wrong


def test_a_cut_send_excuses_one_empty_placeholder_and_no_second_one() -> None:
    one = with_empties(1)
    assert judge(with_a_cut_send(one)) == Verdict(sent=3, answered=3, empty=1, cut_sends=1)
    two = judge(with_a_cut_send(with_empties(2)))
    assert (two.empty, two.wrong) == (1, 1)


def with_empties(count: int) -> Account:
    return replace(GOOD, seen=(*GOOD.seen, *(seen(9 + number, "…") for number in range(count))))


def test_an_undeliverable_question_is_not_lost() -> None:
    gone = replace(GOOD.logged[0], state="undeliverable", sends=(), parts=())
    account = replace(GOOD, seen=GOOD.seen[1:], logged=(gone, *GOOD.logged[1:]))
    assert judge(account) == Verdict(sent=3, answered=2, undeliverable=1)


def test_a_notice_is_a_visible_end_and_no_answer() -> None:
    parked = replace(GOOD.logged[0], kind="parked", parts=("Ich lege das beiseite.",))
    account = replace(
        GOOD,
        seen=(replace(GOOD.seen[0], text="Ich lege das beiseite."), *GOOD.seen[1:]),
        logged=(parked, *GOOD.logged[1:]),
    )
    assert judge(account) == Verdict(sent=3, answered=2, noticed=1)


def test_verdicts_add_up() -> None:
    both = judge(GOOD) + judge(without_an_answer(GOOD))
    assert (both.sent, both.answered, both.lost, len(both.complaints)) == (6, 5, 1, 1)
