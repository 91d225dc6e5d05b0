from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from adapters.platforms.telegram.entities import as_markdown
from conversation.messages import Mention, storable
from tests.support.telegram_desk import US, entity, units

KINDS = (
    "bold",
    "italic",
    "underline",
    "strikethrough",
    "spoiler",
    "code",
    "pre",
    "text_link",
    "text_mention",
    "mention",
    "blockquote",
    "expandable_blockquote",
    "bot_command",
    "url",
    "custom_emoji",
)

typed = st.text(alphabet=st.sampled_from("ab ß😀👩‍👩‍👧`*_~[]()>\n\t@.\x00\ud800") | st.characters(), max_size=40)
entities = st.lists(
    st.fixed_dictionaries(
        {"type": st.sampled_from(KINDS), "offset": st.integers(-2, 50), "length": st.integers(-2, 50)},
        optional={
            "url": st.text(max_size=8) | st.none(),
            "language": st.sampled_from(["python", "c++ x", "a`b"]) | st.integers(),
            "user": st.fixed_dictionaries({"id": st.integers(1, 9)}) | st.none() | st.text(max_size=2),
        },
    )
    | st.none()
    | st.integers(),
    max_size=6,
)


@pytest.mark.parametrize(
    ("text", "kind", "part", "markdown"),
    [
        ("ganz fett hier", "bold", "fett", "ganz **fett** hier"),
        ("ganz schräg hier", "italic", "schräg", "ganz *schräg* hier"),
        ("ganz falsch hier", "strikethrough", "falsch", "ganz ~~falsch~~ hier"),
        ("nimm print(1) hier", "code", "print(1)", "nimm `print(1)` hier"),
        ("nimm a`b hier", "code", "a`b", "nimm ``a`b`` hier"),
        ("nimm `a hier", "code", "`a", "nimm `` `a `` hier"),
        ("es gilt x = 1\nund so", "pre", "x = 1", "es gilt \n```\nx = 1\n```\nund so"),
        ("das da\nwar es", "blockquote", "das da", "> das da\n\nwar es"),
        ("so\nzwei\nZeilen\nEnde", "expandable_blockquote", "zwei\nZeilen", "so\n> zwei\n> Zeilen\n\nEnde"),
        ("ganz unterstrichen", "underline", "unterstrichen", "ganz unterstrichen"),
    ],
)
def test_formatting_becomes_markdown(text: str, kind: str, part: str, markdown: str) -> None:
    assert as_markdown(text, [entity(kind, text, part)], US).text == markdown


def test_offsets_count_in_utf_16_units() -> None:
    text = "😀👍🏽 fett und 😀"
    assert as_markdown(text, [entity("bold", text, "fett")], US).text == "😀👍🏽 **fett** und 😀"


def test_what_was_typed_stays_as_typed() -> None:
    text = "2 * 3 * 4 = __init__ und [x](y) <b> \\* # kein Titel"
    assert as_markdown(text, [], US).text == text


def test_nested_formatting_stays_nested() -> None:
    text = "ganz fett und schräg"
    found = [entity("bold", text, text), entity("italic", text, "schräg")]
    assert as_markdown(text, found, US).text == "**ganz fett und *schräg***"


def test_overlapping_formatting_is_closed_and_opened_again() -> None:
    text = "eins zwei drei"
    found = [entity("bold", text, "eins zwei"), entity("strikethrough", text, "zwei drei")]
    assert as_markdown(text, found, US).text == "**eins ~~zwei~~**~~ drei~~"


def test_formatting_ends_with_its_line_and_before_its_space() -> None:
    text = "eins \n\n zwei"
    assert as_markdown(text, [entity("bold", text, text)], US).text == "**eins** \n\n **zwei**"


def test_code_has_no_formatting_inside() -> None:
    text = "vor x*y nach"
    found = [entity("bold", text, text), entity("code", text, "x*y")]
    assert as_markdown(text, found, US).text == "**vor** `x*y` **nach**"


def test_a_code_block_keeps_its_language_and_gets_a_fence_longer_than_its_own() -> None:
    text = "````\nx\n````"
    found = [entity("pre", text, text, language="markdown")]
    assert as_markdown(text, found, US).text == "`````markdown\n````\nx\n````\n`````"


def test_a_link_keeps_its_address() -> None:
    text = "siehe hier"
    assert as_markdown(text, [entity("text_link", text, "hier", url="https://a.de/b")], US).text == (
        "siehe [hier](https://a.de/b)"
    )
    assert as_markdown(text, [entity("text_link", text, "hier", url="https://a.de/(b)")], US).text == (
        "siehe [hier](<https://a.de/(b)>)"
    )


def test_formatting_that_reaches_into_a_quote_begins_anew_inside_it() -> None:
    text = "vor\nzitat\nnach"
    found = [entity("bold", text, text), entity("blockquote", text, "zitat")]
    assert as_markdown(text, found, US).text == "**vor**\n> **zitat**\n\n**nach**"


def test_a_quote_inside_a_quote_is_one_quote() -> None:
    text = "eins zwei\ndrei"
    found = [entity("blockquote", text, text), entity("blockquote", text, "zwei")]
    assert as_markdown(text, found, US).text == "> eins zwei\n> drei"


def test_a_person_without_a_name_of_their_own_is_a_mention_beside_the_text() -> None:
    text = "😀 frag Anna\nmorgen"
    found = [entity("text_mention", text, "Anna", user={"id": 77}), entity("bold", text, "frag Anna")]
    said = as_markdown(text, found, US)
    assert said.text == "😀 **frag Anna**\nmorgen"
    assert said.mentions == (Mention(9, 13, "77"),)
    assert said.text[9:13] == "Anna"
    assert not said.calls_us


def test_a_mention_after_a_quote_covers_the_name_only() -> None:
    text = "zitat\nAnna weiß es"
    found = [entity("blockquote", text, "zitat"), entity("text_mention", text, "Anna", user={"id": 77})]
    said = as_markdown(text, found, US)
    assert said.text == "> zitat\n\nAnna weiß es"
    assert [said.text[at.start : at.end] for at in said.mentions] == ["Anna"]


def test_a_mention_moves_with_the_space_before_the_text() -> None:
    text = " \n Anna"
    said = as_markdown(text, [entity("text_mention", text, "Anna", user={"id": 77})], US)
    assert (said.text, said.mentions) == ("Anna", (Mention(0, 4, "77"),))


@pytest.mark.parametrize(
    ("text", "rest"),
    [
        ("@plausch_bot wie spät ist es?", "wie spät ist es?"),
        ("@Plausch_Bot, wie spät ist es?", "wie spät ist es?"),
        ("@plausch_bot:\nwie spät?", "wie spät?"),
        ("Sag @plausch_bot wie spät", "Sag wie spät"),
        ("Wie spät, @plausch_bot", "Wie spät,"),
        ("@plausch_bot", ""),
    ],
)
def test_our_own_name_is_taken_out(text: str, rest: str) -> None:
    name = next(word for word in text.replace(",", " ").replace(":", " ").split() if word.startswith("@"))
    said = as_markdown(text, [entity("mention", text, name)], US)
    assert (said.text, said.calls_us) == (rest, True)


def test_our_name_without_a_users_name_is_taken_out_too() -> None:
    text = "plausch sag was"
    said = as_markdown(text, [entity("text_mention", text, "plausch", user={"id": US.id})], US)
    assert (said.text, said.mentions, said.calls_us) == ("sag was", (), True)


def test_another_name_stays_and_does_not_call_us() -> None:
    text = "@plausch_bot2 und me@plausch_bot.de"
    said = as_markdown(text, [entity("mention", text, "@plausch_bot2")], US)
    assert (said.text, said.calls_us) == (text, False)


@settings(deadline=None)
@given(typed, entities)
def test_no_entities_break_anything(text: str, found: list[object]) -> None:
    said = as_markdown(text, found, US)
    assert said.text == storable(said.text)
    for at in said.mentions:
        assert 0 <= at.start < at.end <= len(said.text)


@settings(deadline=None)
@given(typed, st.integers(0, 20), st.integers(1, 20), st.sampled_from(["code", "pre"]), entities)
def test_code_is_kept_to_the_letter(text: str, start: int, length: int, kind: str, found: list[object]) -> None:
    code = text[start : start + length]
    others = [e for e in found if isinstance(e, dict) and e["type"] in {"bold", "italic", "text_link", "strikethrough"}]
    place = {"type": kind, "offset": units(text[:start]), "length": units(code)}
    assert storable(code) in as_markdown(f"{text}.", [place, *others], US).text or not code.strip()


@settings(deadline=None)
@given(typed)
def test_text_without_entities_is_only_trimmed(text: str) -> None:
    assert as_markdown(text, None, US).text == storable(text).strip()
