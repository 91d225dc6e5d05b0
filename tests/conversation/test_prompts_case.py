from __future__ import annotations

import re

import pytest

from conversation.prompts.case import case_prompt

QUESTION = {"role": "user", "text": "Hallo"}
ANSWER = {"role": "assistant", "text": "Guten Tag!"}


def test_what_a_case_does_not_use_may_be_left_out_or_null() -> None:
    case = {"system": "", "turns": [QUESTION], "named": None, "sources": None, "instruction": None, "format": None}
    assert case_prompt(case) == "USER: Hallo ASSISTANT:"


def test_what_no_machine_can_print_is_removed_as_it_is_on_entry() -> None:
    case = {
        "system": "S\0",
        "turns": [{"role": "user", "text": "a\ud800", "name": "N\0"}],
        "named": True,
        "sources": [{"text": "T\0", "metadata": {"K\0": "V\ud800"}}],
        "instruction": "F\0",
    }
    assert case_prompt(case) == (
        "S USER: N: a\nBEGININPUT\nBEGINCONTEXT\nK: V\nENDCONTEXT \nT\nENDINPUT\n"
        "BEGININSTRUCTION F ENDINSTRUCTION ASSISTANT:"
    )


def test_a_source_may_come_without_metadata() -> None:
    case = {"system": "", "turns": [], "sources": [{"text": "T"}], "instruction": "F"}
    assert "BEGINCONTEXT\nENDCONTEXT \nT" in case_prompt(case)


@pytest.mark.parametrize(
    ("case", "complaint"),
    [
        ([], "the case: it must be an object"),
        ({"turns": [QUESTION]}, "system: missing. Give a text."),
        ({"system": "", "turns": None}, "turns: missing. Give a list."),
        ({"system": 7, "turns": [QUESTION]}, "system: it must be a text, not 7."),
        ({"system": "", "turns": QUESTION}, "turns: it must be a list, not {'role'"),
        ({"system": "", "turns": ["Hallo"]}, "turns[0]: it must be an object"),
        ({"system": "", "turns": [QUESTION, {"role": "user"}]}, "turns[1].text: missing. Give a text."),
        ({"system": "", "turns": [{"role": "bot", "text": "a"}]}, "turns[0].role: 'bot' is no role. Write \"user\" or"),
        ({"system": "", "turns": [QUESTION | {"name": 1}]}, "turns[0].name: it must be a text, not 1."),
        ({"system": "", "turns": []}, "turns: nothing to answer. Let the last turn"),
        ({"system": "", "turns": [QUESTION, ANSWER]}, "turns: nothing to answer. Let the last turn"),
        ({"system": "", "turns": [QUESTION], "named": "ja"}, "named: it must be true or false, not 'ja'."),
        ({"system": "", "turns": [QUESTION], "sources": [{"text": "T"}]}, "instruction: missing. Sources need"),
        (
            {"system": "", "turns": [], "instruction": "F", "sources": [{"text": "T", "metadata": []}]},
            "sources[0].metadata: it must be an object, not [].",
        ),
        (
            {"system": "", "turns": [], "instruction": "F", "sources": [{"text": "T", "metadata": {"Seite": 3}}]},
            "sources[0].metadata['Seite']: it must be a text, not 3.",
        ),
        ({"system": "", "turns": [], "instruction": "F", "sources": ["T"]}, "sources[0]: it must be an object"),
        (
            {"system": "", "turns": [QUESTION], "format": "alpaca"},
            "format: there is none called 'alpaca'. Choose one of: vicuna, chatml.",
        ),
    ],
)
def test_a_case_that_cannot_be_rendered_names_the_field_and_the_cure(case: object, complaint: str) -> None:
    with pytest.raises(ValueError, match=f"^{re.escape(complaint)}"):
        case_prompt(case)
