from __future__ import annotations

import unicodedata

import pytest

from conversation.prompts.markers import JOINER, neutralise
from conversation.stops import StopWatch


def watched(text: str, *, cut: bool = False) -> tuple[str, bool]:
    """What of an answer is shown, character by character, and whether it ended by a marker."""
    watch = StopWatch()
    shown = "".join(watch.feed(character) for character in text) + watch.close(cut=cut)
    return shown, watch.ended


@pytest.mark.parametrize(
    "word", ["USER:", "ASSISTANT:", "</s>", "<|im_end|>", "<|im_start|>", "<|endoftext|>", "[INST]"]
)
def test_a_marker_of_somebody_elses_turn_ends_the_answer(word: str) -> None:
    assert watched(f"Guten Tag! {word} Und?") == ("Guten Tag!", True)
    assert watched(f"Guten Tag!\n{word}") == ("Guten Tag!", True)


@pytest.mark.parametrize("word", ["<s>", "<unk>", "[/INST]", "<<SYS>>", "ENDINSTRUCTION", "BEGININPUT"])
def test_a_marker_that_is_only_noise_is_left_out(word: str) -> None:
    assert watched(f"{word}Guten{word}Tag!{word}") == ("Guten Tag!", False)


def test_what_stands_around_a_left_out_marker_does_not_become_one() -> None:
    assert watched("US<s>ER: x <<s>/s> BEGINBEGININPUTINPUT") == ("US ER: x < /s> BEGIN INPUT", False)
    assert watched("Ja. USER<s>: nein") == ("Ja. USER : nein", False)


def test_a_role_word_after_a_left_out_tag_ends_the_answer() -> None:
    assert watched("Ja. ENDINPUTUSER: x") == ("Ja.", True)
    assert watched("Ja. ` ENDINPUTUSER: x") == ("Ja. `", True)
    assert watched("`ENDINPUTUSER: x`") == ("`ENDINPUTUSER: x`", False)


def test_after_the_end_nothing_more_is_shown() -> None:
    watch = StopWatch()
    assert watch.feed("Ja. USER: Nein.") == "Ja."
    assert (watch.feed("Doch!"), watch.close(cut=True)) == ("", "")


@pytest.mark.parametrize(
    "text",
    [
        "HÄUSER: drei",
        unicodedata.normalize("NFD", "HÄUSER: drei"),
        "POSTGRES_USER: plausch",
        "END-USER: wir",
        "7USER: x",
        "Die USERUSER: x",
    ],
)
def test_a_role_word_inside_a_longer_word_ends_nothing(text: str) -> None:
    assert watched(text) == (text, False)
    watch = StopWatch()
    assert (watch.feed(text), watch.ended) == (text, False)


@pytest.mark.parametrize(
    "text",
    [
        "So:\n```yaml\nUSER: plausch\n```\nFertig.",
        "So:\n~~~\nUSER: <s>a</s>\n~~~\nFertig.",
        "```\nUSER: x\n~~~\nUSER: y\n``\nUSER: z\n``` USER: u\n````\nFertig.",
        "````\n```\nUSER: x\n```\n</s>\n````  \nFertig.",
        "1. So:\n   ```\n   USER: x\n   ```\n2. Fertig.",
        "1. ```\n   USER: x\n   ```\n2. Fertig.",
        "> ```\n> USER: x\n> ```\nFertig.",
        "- ~~~ USER: x\n  USER: x\n  ~~~\nFertig.",
        "```USER: x\nUSER: y\n```\nFertig.",
        "```\n</s>```\nUSER: x\n```</s>\nUSER: y",
        "```\n``` x\nUSER: y",
        "```\nUSER: nie geschlossen",
        "```USER: nie geschlossen",
        "`USER: x` und ``a ` USER: ` </s>`` sind Code.",
        "a `b` c `USER: d` e",
        "a `` b `USER: c` d\nFertig.",
        "a `` b ` c ``` USER: d ` e `` f\nFertig.",
    ],
)
def test_a_marker_in_code_is_shown_and_ends_nothing(text: str) -> None:
    assert watched(text) == (text, False)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("a ` b USER: c\nd", "a ` b"),
        ("a ` b USER: c", "a ` b"),
        ("a `` b ` USER: c\nd", "a `` b `"),
        ("a `` b ` c ` USER: d ``` e\nf", "a `` b ` c `"),
        ("a ` b\nUSER: c ` d", "a ` b"),
        ("a ``` b\nUSER: c\n```", "a ``` b"),
        ("``` b ` c\nUSER: d", "``` b ` c"),
        ("```\nx\n```\nUSER: c", "```\nx\n```"),
        ("```\nx\n```` \nUSER: c", "```\nx\n````"),
        ("~~ USER: c", "~~"),
        ("a\n USER ```\nUSER: c", "a\n USER ```"),
        ("a `` x```USER: c", "a `` x```"),
        ("a ~~~\nUSER: c", "a ~~~"),
        ("~~~\nx\n~~~\nUSER: c", "~~~\nx\n~~~"),
        ("a\n" + " " * 100 + "```\nUSER: c", "a\n" + " " * 100 + "```"),
    ],
)
def test_what_only_looks_like_code_protects_no_role_word(text: str, shown: str) -> None:
    assert watched(text) == (shown, True)


def test_noise_after_a_backtick_that_is_never_closed_is_left_out_and_the_rest_is_shown() -> None:
    assert watched("a ` b <s>c</b> `` d\ne") == ("a ` b  c</b> `` d\ne", False)


@pytest.mark.parametrize(
    "code", ["```\nx = 1\n</s>", "```\nx = 1\n</s>\n</s> \n", "```\nx = 1\nUSER:", "```\nx = 1\n\n"]
)
def test_a_marker_at_the_end_of_code_that_was_never_closed_is_not_shown(code: str) -> None:
    assert watched(code) == ("```\nx = 1", False)


def test_a_cut_answer_keeps_what_stood_at_its_end() -> None:
    assert watched("```\nx = 1\n</s> ", cut=True) == ("```\nx = 1\n</s>", False)
    assert watched("Der USER ", cut=True) == ("Der USER", False)
    assert watched("Ja. USER: x", cut=True) == ("Ja.", True)


@pytest.mark.parametrize("word", ["USER", "ASSISTANT"])
def test_a_role_word_without_colon_at_the_end_is_not_shown(word: str) -> None:
    assert watched(f"Gern geschehen {word}") == ("Gern geschehen", False)
    assert watched(f"Gern geschehen.\n\n{word}\n") == ("Gern geschehen.", False)
    assert watched(f"Gern, ` {word}") == ("Gern, `", False)


@pytest.mark.parametrize(
    "text",
    ["USER", "Ein USER ist", "Die USERS", "POSTGRES_USER", "`USER`", "```\n USER", " USER"],
)
def test_a_role_word_without_colon_elsewhere_is_shown(text: str) -> None:
    assert watched(text) == (text.strip(), False)


def test_whitespace_at_the_ends_of_an_answer_goes() -> None:
    assert watched(" \n Guten \n Tag! \n") == ("Guten \n Tag!", False)
    assert watched("   ") == ("", False)
    assert watched("") == ("", False)


def test_a_word_that_the_model_repeats_is_shown_as_it_was_and_ends_nothing() -> None:
    said = "Da steht USER: und </s> und `<s>` und BEGININPUT USER:"
    assert watched(neutralise(said)) == (said, False)
    assert watched(f"POSTGRES_USER{JOINER}: x ` USER{JOINER}: y") == ("POSTGRES_USER: x ` USER: y", False)


def test_text_streams_at_once_and_only_what_could_be_a_marker_is_held_back() -> None:
    watch = StopWatch()
    pieces = ["Guten", " Tag", ", der US", "A wegen A", "SS", "IS ", "<", "b> <|im_en", " ", "x ` y", " z", "!"]
    shown = ["Guten", " Tag", ", der", " USA wegen", "", " ASSIS", "", " <b>", " <|im_en", " x ` y", " z", "!"]
    assert [watch.feed(piece) for piece in pieces] == shown


def test_after_an_open_backtick_a_role_word_waits_for_the_line() -> None:
    watch = StopWatch()
    assert [watch.feed(piece) for piece in ("Der ` USER:", " x", " y", "` ist Code.")] == [
        "Der `",
        "",
        "",
        " USER: x y` ist Code.",
    ]
    assert [watch.feed(piece) for piece in (" Der ` USER:", " x", "\n")] == [" Der `", "", ""]
    assert watch.ended


def test_however_long_a_line_is_little_is_held_back() -> None:
    watch = StopWatch()
    shown = "".join(watch.feed(piece) for piece in ["ABER ", "USER_", "<|a ", "` ", "\u2060"] * 500)
    assert len(shown) >= len("ABER USER_<|a ` \u2060") * 499
