from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from conversation.prompts import FORMATS
from conversation.prompts.parts import Source, Utterance
from tests.support.hostile import markers_in, texts

utterances = st.lists(
    st.builds(Utterance, role=st.sampled_from(["user", "assistant"]), text=texts, name=st.none() | texts), max_size=5
)
sources = st.lists(st.builds(Source, text=texts, metadata=st.dictionaries(texts, texts, max_size=3)), max_size=3)
tasks: st.SearchStrategy[tuple[list[Source], str | None]] = st.one_of(
    st.tuples(st.just([]), st.none()), st.tuples(sources, texts)
)


def harmless(utterance: Utterance) -> Utterance:
    return Utterance(utterance.role, "x" if utterance.text.strip() else "", "n")


@pytest.mark.parametrize("name", FORMATS)
@given(said=utterances, task=tasks, named=st.booleans())
def test_nothing_that_anybody_wrote_adds_a_marker_to_the_prompt(
    name: str, said: list[Utterance], task: tuple[list[Source], str | None], *, named: bool
) -> None:
    given_sources, instruction = task
    prompt = FORMATS[name].render("S", said, given_sources, instruction, named=named)

    called_for = FORMATS[name].render(
        "S",
        [harmless(utterance) for utterance in said],
        [Source("x", {}) for _ in given_sources],
        None if instruction is None else "x",
        named=named,
    )
    assert markers_in(prompt) == markers_in(called_for)


@pytest.mark.parametrize("name", FORMATS)
@pytest.mark.parametrize("marker", ["USER", "ASSISTANT"])
def test_a_person_or_a_metadata_key_called_like_a_role_speaks_for_nobody(name: str, marker: str) -> None:
    form = FORMATS[name]
    prompt = form.render("", [Utterance("user", "Hallo", marker)], [Source("x", {marker: "y"})], "z", named=True)
    called_for = form.render("", [Utterance("user", "Hallo", "Anna")], [Source("x", {"Url": "y"})], "z", named=True)
    assert markers_in(prompt) == markers_in(called_for)
