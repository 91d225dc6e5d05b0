from __future__ import annotations

import re

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from adapters.platforms.telegram.formatting import Entity, Part, parts
from tests.support.hostile import answers
from tests.support.telegram_desk import units

LONG_CODE = "".join(f"zeile_{number} = {number}\n" for number in range(600))

MARKUP = (
    *("<b>", "</b>", "vector<int>", "$x^2$", "||", "|", "[1]:", "[a](http://b.de)", "**", "*", "_", "~~", "&lt;", "\\"),
    *("`", "```", "\n", "\n\n", "\n> ", "\n- ", "\n# ", "\t", "    "),
)
words = st.lists(
    st.sampled_from([*MARKUP, "Wort", "😀", "@name", "👩‍👩‍👧", "¸⸮⸭"]) | st.characters(),
    max_size=60,
).map("".join)


def one(markdown: str) -> Part:
    made = parts(markdown)
    assert len(made) == 1
    return made[0]


def covered(part: Part, kind: str) -> list[str]:
    """What the entities of this kind stand over."""
    raw = part.text.encode("utf-16-le")
    return [
        raw[2 * entity.offset : 2 * (entity.offset + entity.length)].decode("utf-16-le")
        for entity in part.entities
        if entity.kind == kind
    ]


def letters(text: str) -> str:
    """What may not be lost: letters and digits."""
    return "".join(character for character in text if character.isalnum())


def check_limits(made: tuple[Part, ...]) -> None:
    assert made
    for part in made:
        assert part.text.strip()
        assert units(part.text) <= 4096
        assert len(part.entities) <= 100
        code = [entity for entity in part.entities if entity.kind in {"pre", "code"}]
        for entity in part.entities:
            assert 0 <= entity.offset < entity.offset + entity.length <= units(part.text)
            for other in code:
                apart = entity.offset >= other.offset + other.length or other.offset >= entity.offset + entity.length
                assert apart or entity is other


# ── what it looks like ───────────────────────────────────────────────────────────────────────────────────────────────


def test_markdown_becomes_entities() -> None:
    part = one("Das ist **fett**, *schräg*, ~~weg~~, `code` und [hier](https://a.de/x_(y)). 😀 **Ende**")
    assert part.text == "Das ist fett, schräg, weg, code und hier. 😀 Ende"
    assert covered(part, "bold") == ["fett", "Ende"]
    assert covered(part, "italic") == ["schräg"]
    assert covered(part, "strikethrough") == ["weg"]
    assert covered(part, "code") == ["code"]
    assert covered(part, "text_link") == ["hier"]
    assert [entity.url for entity in part.entities if entity.url] == ["https://a.de/x_(y)"]


def test_a_code_block_keeps_its_language_and_every_letter() -> None:
    part = one("So:\n\n```python title=x\nif a < b || c > $d:\n    print('<b>', \"[1]: x\")  # \\<\n```\nGut?")
    assert covered(part, "pre") == ["if a < b || c > $d:\n    print('<b>', \"[1]: x\")  # \\<"]
    assert [entity.language for entity in part.entities] == ["python"]
    assert part.text.endswith("\n\nGut?") or part.text.endswith("\nGut?")


@pytest.mark.parametrize(
    "text",
    [
        "vector<int> und map<string, int>",
        "a < b und <think>hm</think>",
        "<div>\nInhalt\n</div>",
        "$HOME/bin:$PATH kostet 5$ und 6$",
        "a || b || c",
        "[1]: https://a.de",
        "> [x]: y",
    ],
)
def test_nothing_is_taken_for_markup_and_taken_away(text: str) -> None:
    assert one(text).text == text.removeprefix("> ")


def test_an_escaped_bracket_loses_its_backslash_only() -> None:
    assert one(r"\<b> und \\<b>").text == r"<b> und \<b>"


def test_a_text_with_every_mark_in_it_is_shown_without_formatting() -> None:
    every = "".join(map(chr, range(0x2E00, 0x2E80)))
    assert one(f"**{every}** <b> a || b $x$").text == f"**{every}** <b> a || b $x$"


def test_headings_carry_no_signs_and_lists_a_point() -> None:
    part = one("# Titel\n\n- eins\n- zwei\n\n1. drei")
    assert part.text.split("\n")[0] == "Titel"
    assert "• eins\n• zwei" in part.text
    assert "Titel" in covered(part, "bold")


def test_an_image_becomes_a_link() -> None:
    part = one("![Ein Bild](https://a.de/b.png)")
    assert part.text == "🖼 Ein Bild"
    assert covered(part, "text_link") == ["Ein Bild"]


@pytest.mark.parametrize("url", ["javascript:alert(1)", "tg://user?id=1", "file:///etc", "#oben", "x", "T>", ""])
def test_links_that_lead_elsewhere_are_shown_as_they_were_written(url: str) -> None:
    for text in (f"[hier]({url})", f"![hier]({url})", f"so[0]({url})"):
        assert one(text) == Part(text)


@pytest.mark.parametrize(
    "text", ["[hier](<http://[::1>)", "[[hier]](tg://user?id=1)", "[hier][]\n\n[hier]: tg://user?id=1"]
)
def test_no_way_of_writing_a_link_leads_elsewhere(text: str) -> None:
    assert covered(one(text), "text_link") == []


def test_an_address_in_angle_brackets_is_a_link_and_a_type_in_them_is_not() -> None:
    part = one("[hier](<https://a.de/b c>) und wert[0](<T>x)")
    assert part.text == "hier und wert[0](<T>x)"
    assert covered(part, "text_link") == ["hier"]


def test_a_quote_holds_no_quote_and_no_code() -> None:
    part = one("> eins\n>> zwei\n>\n> ```\n> x\n> ```\n>\n> drei")
    assert covered(part, "pre") == ["x"]
    assert [text.strip() for text in covered(part, "blockquote")] == ["eins\nzwei", "drei"]


def test_nobody_is_called_by_the_models_words() -> None:
    part = one("Frag @anna_b, **@bernd** oder a@b.de, [@carla](https://a.de)")
    assert covered(part, "code") == ["@anna_b", "@bernd"]
    assert part.text == "Frag @anna_b, @bernd oder a@b.de, @carla"


def test_a_hundred_names_are_not_called_either() -> None:
    made = parts("@abc " * 300)
    assert all("@" not in part.text or len(part.entities) == part.text.count("@") for part in made)


def test_without_entities_names_call_nobody_and_the_length_stays() -> None:
    plain = Part("@anna und a@b.de", (Entity("code", 0, 5),)).plain()
    assert plain == Part("＠anna und a@b.de")


@pytest.mark.parametrize("markdown", ["", " \n", "\u200b", "**", "[](https://a.de)"])
def test_what_nobody_could_see_is_the_placeholder(markdown: str) -> None:
    assert len(parts(markdown)) == 1
    assert parts(markdown)[0].text.strip()


def test_too_many_entities_lose_the_least_important() -> None:
    part = one("**f** " * 150 + "`c` [l](https://a.de)\n\n```\nblock\n```")
    assert len(part.entities) == 100
    assert covered(part, "code") == ["c"]
    assert covered(part, "text_link") == ["l"]
    assert covered(part, "pre") == ["block"]


# ── where it is cut ──────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_long_text_is_cut_between_paragraphs() -> None:
    paragraph = "Ein Satz mit einigen Wörtern. " * 30
    made = parts("\n\n".join([paragraph.strip()] * 12))
    assert len(made) == 3
    assert {part.text.split("\n\n")[-1] for part in made} == {paragraph.strip()}


def test_text_without_spaces_is_cut_between_characters() -> None:
    family = "👩‍👩‍👧"
    made = parts(family * 1000)
    assert "".join(part.text for part in made) == family * 1000
    assert all(part.text.startswith("👩") and part.text.endswith("👧") for part in made)


def test_a_letter_with_endless_marks_is_cut_somewhere() -> None:
    made = parts("a" + "\u0301" * 5000)
    assert len(made) == 2
    assert "".join(part.text for part in made) == "a" + "\u0301" * 5000


def test_code_that_one_message_can_hold_is_not_cut() -> None:
    code = LONG_CODE[:3500]
    made = parts("Text davor. " * 100 + f"\n\n```python\n{code}\n```\n\nText danach.")
    assert [covered(part, "pre") for part in made if covered(part, "pre")] == [[code]]


def test_longer_code_is_cut_between_its_lines_and_stays_code() -> None:
    made = parts(f"So:\n```python\n{LONG_CODE}```\nGut?")
    blocks = [block for part in made for block in covered(part, "pre")]
    assert "\n".join(blocks) == LONG_CODE.rstrip("\n")
    assert all(entity.language == "python" for part in made for entity in part.entities)
    assert made[0].text == "So:"
    assert made[-1].text.endswith("Gut?")


def test_full_messages_stay_as_they_are_while_the_answer_grows() -> None:
    answer = "Ein Satz mit **Wörtern**. " * 200 + f"\n\n```python\n{LONG_CODE}```\n\n" + "Noch ein Satz. " * 400
    full: tuple[Part, ...] = ()
    for end in range(0, len(answer), 499):
        made = parts(answer[:end])
        assert [part.text for part in made[: len(full)]] == [part.text for part in full]
        full = made[:-1]


def test_bold_text_that_is_cut_stays_bold() -> None:
    made = parts(f"**{'fett ' * 1500}Ende**")
    assert len(made) == 2
    assert [covered(part, "bold") for part in made] == [[part.text] for part in made]


# ── whatever a model writes ──────────────────────────────────────────────────────────────────────────────────────────


@settings(deadline=None)
@given(words | answers)
@example("`" * 50 + "<" + "\\" * 3 + "<")
def test_no_text_breaks_the_limits(markdown: str) -> None:
    check_limits(parts(markdown))


@settings(max_examples=40, deadline=None)
@given(words, st.integers(1, 400))
def test_no_long_text_breaks_the_limits(markdown: str, times: int) -> None:
    whole = (markdown + " x ") * times
    check_limits(parts(whole[:10000]))


@settings(deadline=None)
@given(
    st.lists(
        st.sampled_from(["Wort", "zwei drei", "<int>", "$5", "a||b", "\n", "\n\n", "😀", "ß.", "@name"]), max_size=900
    )
)
def test_plain_text_loses_no_letter(pieces: list[str]) -> None:
    whole = " ".join(pieces)
    assert letters("".join(part.text for part in parts(whole))) == letters(whole)


@settings(deadline=None)
@given(
    st.lists(
        st.sampled_from(["x = 1", "if a < b:", "    <b>", "", "$a || $b", "\\<", "[1]: x", "*a*", "😀"]), max_size=900
    )
)
def test_fenced_code_is_kept_to_the_letter(lines: list[str]) -> None:
    code = "\n".join([*lines, "ende"])
    made = parts(f"Davor\n\n```py\n{code}\n```\n\nDanach")
    check_limits(made)
    blocks = [block for part in made for block in covered(part, "pre")]
    if units(code) <= 4096:
        assert blocks == [code]
    # Where a block is cut, empty lines may be lost.
    assert re.sub(r"\n+", "\n", "\n".join(blocks)).strip("\n") == re.sub(r"\n+", "\n", code).strip("\n")
