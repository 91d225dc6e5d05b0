from __future__ import annotations

import re
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from conversation.prompts.markers import neutralise
from conversation.stops import StopWatch
from tests.support.hostile import JOINER, answers, markers_in

OPENS = re.compile(r"(?:[ \t\r>]|[-*+][ \t]|\d{1,9}[.)][ \t])*(`{3,}(?=[^`]*$)|~{3,})")
CLOSES = re.compile(r"[ \t\r>]*(`{3,}|~{3,})[ \t\r]*")


def outside_code(text: str) -> str:
    """The text without its code, line by line, the slow way."""
    lines, fence = [], ""
    for line in text.split("\n"):
        if fence:
            closes = CLOSES.fullmatch(line)
            fence = "" if closes and closes[1].startswith(fence) else fence
        elif opens := OPENS.match(line):
            fence = opens[1]
        else:
            lines.append(without_spans(line))
    return "\n".join(lines)


def without_spans(line: str) -> str:
    pieces = re.split("(`+)", line)
    kept, at = "", 0
    while at < len(pieces):
        kept += pieces[at]
        if at % 2 and pieces[at] in pieces[at + 2 :: 2]:
            at = pieces.index(pieces[at], at + 1)
        at += 1
    return kept


def shown(pieces: list[str], *, cut: bool = False) -> tuple[str, bool]:
    watch = StopWatch()
    return "".join([watch.feed(piece) for piece in pieces]) + watch.close(cut=cut), watch.ended


@given(text=answers, cuts=st.lists(st.integers(0, 60)), cut=st.booleans())
def test_however_an_answer_is_cut_into_pieces_the_same_is_shown(text: str, cuts: list[int], *, cut: bool) -> None:
    ends = sorted({min(end, len(text)) for end in cuts} | {0, len(text)})
    pieces = [text[start:end] for start, end in pairwise(ends)]
    assert shown(pieces, cut=cut) == shown([text], cut=cut) == shown(list(text), cut=cut)


@given(answers)
def test_no_marker_is_shown_outside_code(text: str) -> None:
    answer, _ = shown([text.replace(JOINER, "")])
    assert sum(markers_in(outside_code(answer)).values()) == 0


@given(answers)
def test_no_answer_ends_in_a_marker(text: str) -> None:
    answer, _ = shown([text.replace(JOINER, "")])
    assert markers_in(answer) == markers_in(answer[:-1])


@given(answers)
def test_what_is_repeated_from_the_prompt_is_shown_as_it_was_written(text: str) -> None:
    assert shown([neutralise(text)], cut=True) == (text.strip(), False)


@given(answers)
def test_an_answer_without_markers_outside_code_is_shown_whole(text: str) -> None:
    text = text.replace(JOINER, "")
    prose = outside_code(text)
    if sum(markers_in(prose).values()) == 0 and not re.search(r"<\|[a-z0-9_]{1,32}\|>", prose):
        assert shown([text], cut=True) == (text.strip(), False)
