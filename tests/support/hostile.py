"""Texts made of the pieces of markers.

What a marker is stands here a second time, so that tests do not ask the code under test.
"""

from __future__ import annotations

import unicodedata
from typing import TYPE_CHECKING

from hypothesis import strategies as st

if TYPE_CHECKING:
    from collections.abc import Iterator

ROLE_WORDS = ("USER:", "ASSISTANT:")
TAGS = (
    "BEGININPUT",
    "ENDINPUT",
    "BEGINCONTEXT",
    "ENDCONTEXT",
    "BEGININSTRUCTION",
    "ENDINSTRUCTION",
    "ENDINCSTRUCTION",
)
TOKENS = (
    *("<s>", "</s>", "<unk>", "[INST]", "[/INST]", "<<SYS>>", "<</SYS>>"),
    *("<|im_start|>", "<|im_end|>", "<|endoftext|>", "<|fim_prefix|>"),
)
MARKERS = (*ROLE_WORDS, *TAGS, *TOKENS)
JOINER = "\u2060"

_PIECES = sorted({marker[start:end] for marker in MARKERS for start in (0, 1, 4) for end in (1, 2, 4, -1, len(marker))})
_NEIGHBOURS = (
    " ",
    "\n",
    "\r\n",
    "_",
    "-",
    "x",
    "7",
    "Ä",
    "A\u0308",
    "\u0308",
    ":",
    ": ",
    ".",
    JOINER,
    "\u200b",
    "²",
    "Hallo ",
)
_CODE = ("`", "``", "```", "~~~", "\n```\n", "\n~~~\n", "\n````yaml\n", "> ", "- ", "1. ", "\n  ")

texts = st.lists(st.sampled_from((*MARKERS, *_PIECES, *_NEIGHBOURS)) | st.characters(codec="utf-8"), max_size=12).map(
    "".join
)
"""What people might write to speak for somebody else."""

answers = st.lists(
    st.sampled_from((*MARKERS, *_PIECES, *_NEIGHBOURS, *_CODE, *_CODE, "USER", "ASSISTANT")), max_size=16
).map("".join)
"""What a model might write, code included."""


def markers_in(text: str) -> dict[str, int]:
    """How often each marker stands in the text: plain substrings, less the role words inside longer words."""
    counts = {marker: text.count(marker) for marker in (*TAGS, *TOKENS)}
    return counts | {word: sum(not _in_a_word(text, at) for at in _places(text, word)) for word in ROLE_WORDS}


def _places(text: str, word: str) -> Iterator[int]:
    at = text.find(word)
    while at >= 0:
        yield at
        at = text.find(word, at + 1)


def _in_a_word(text: str, at: int) -> bool:
    return at > 0 and (text[at - 1] in "_-" or unicodedata.category(text[at - 1])[:2] in _WORD_CATEGORIES)


_WORD_CATEGORIES = {"Lu", "Ll", "Lt", "Lm", "Lo", "Mn", "Mc", "Me", "Nd"}


def odd_json(*names: str) -> st.SearchStrategy[object]:
    """Whatever JSON can hold where something else was promised; ``names`` are keys that the reader looks for."""
    plain = (
        st.none()
        | st.booleans()
        | st.integers()
        | st.floats()
        | st.text(st.characters(), max_size=4)
        | st.sampled_from([1 << 63, -(1 << 63) - 1, 10**4000, "\0", "\ud800", "\udfff\ud800", "x" * 5000])
    )
    keys = st.sampled_from(names) | st.text(max_size=2)
    return st.recursive(
        plain, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(keys, inner, max_size=4), max_leaves=10
    )
