from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from adapters.stores.sql.signals_pieces import PIECE, Joining, pieces

ASCII = st.text(st.characters(max_codepoint=127, exclude_characters="\0"), max_size=50)


@given(st.lists(st.builds(lambda text, times: text * times, ASCII, st.integers(0, 1000)), max_size=4))
def test_what_was_cut_is_joined_again(contents: list[str]) -> None:
    joining = Joining()
    cut = [list(pieces(content)) for content in contents]

    assert all(len(piece) < 8000 for one in cut for piece in one)
    assert [joined for one in cut for piece in one if (joined := joining.joined(piece)) is not None] == contents


def test_pieces_of_one_content_differ() -> None:
    cut = list(pieces("x" * PIECE * 3))

    assert len(set(cut)) == 3


def test_a_missing_piece_costs_its_content_and_no_other() -> None:
    joining = Joining()
    first, second, third = pieces("x" * PIECE * 3)
    whole, *_ = pieces("y")
    for came in ([first, third, whole], [second, third, whole], [first, whole], [first, second, first, third, whole]):
        assert [joined for piece in came if (joined := joining.joined(piece)) is not None] == ["y"]


@given(st.text())
def test_what_is_not_ours_is_no_content(content: str) -> None:
    if not content[:1].isdigit():
        assert Joining().joined(content) is None


def test_heads_that_count_wrongly_are_no_content() -> None:
    assert [Joining().joined(head) for head in ("0/0 x", "2/1 x", "1/0 x", "1/99999 x", "1/1", "/ x")] == [None] * 6
