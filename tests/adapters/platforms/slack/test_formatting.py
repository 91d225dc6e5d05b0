from __future__ import annotations

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from adapters.platforms.slack.formatting import LIMIT, Part, parts, size

GAP = "\u200b"
PIECES = [
    *"`[]()!<>&@:*\n ",
    *("```", "~~~", "](", "](javascript:x)", "@here", "@everyone", "<!channel>", "<@U1>", "<#C1>", "&lt;", "\n\n"),
    *("https://x.de", "mailto:a@b", "[a](https://x)", "![a](https://x)", "py", "ä", "😀", "Wort ", "> "),
]
SOUP = st.lists(st.sampled_from(PIECES), max_size=25).map("".join)
LONG = st.lists(
    st.sampled_from(["Ein Satz. " * 40, "\n", "\n\n", "```python\n", "```\n", "x" * 3000, "& < > " * 900, "😀" * 2500]),
    max_size=14,
).map("".join)
CALL = re.compile(r"<(?:@[A-Z]|#C|!(?:channel|here|everyone|group|subteam|date)\b)", re.IGNORECASE)


def shown(markdown: str) -> str:
    (part,) = parts(markdown)
    return part.text


def ends_in_code(text: str) -> bool:
    inside = False
    for line in text.split("\n"):
        inside = line != "```" if inside else line.startswith("```")
    return inside


def words(text: str) -> str:
    return re.sub(r"```(?:python)?|\s|&amp;|&lt;|&gt;|[&<>]", "", text)


@pytest.mark.parametrize(
    ("markdown", "expected"),
    [
        ("**fett** *kursiv* ~~weg~~ `code`", "**fett** *kursiv* ~~weg~~ `code`"),
        ("# Titel\n- eins\n1. zwei", "# Titel\n- eins\n1. zwei"),
        ("a < b & c > d", "a &lt; b &amp; c &gt; d"),
        ("> Zitat > mehr", "> Zitat &gt; mehr"),
        ("<!channel> <@U1> <#C1>", "&lt;!channel&gt; &lt;@U1&gt; &lt;#C1&gt;"),
        ("@everyone @here @Channel @kim a@hier.de", f"@{GAP}everyone @{GAP}here @{GAP}Channel @kim a@hier.de"),
        ("`List<T> && x` ``a`b<c``", "`List<T> && x` ``a`b<c``"),
        ("`<!here>` `<@U1>`", f"`<{GAP}!here>` `<{GAP}@U1>`"),
        ("`offen <b>", "`offen &lt;b&gt;"),
        ("[a & b](https://x.de/?a=1&b=2)", "[a &amp; b](https://x.de/?a=1&b=2)"),
        ("[Wiki](https://x.de/a_(b)) [Post](mailto:a@b.de)", "[Wiki](https://x.de/a_(b)) [Post](mailto:a@b.de)"),
        ('[a](https://x.de "Titel")', "[a](https://x.de)"),
        ("[a](javascript:alert) [b](/pfad)", "a (javascript:alert) b (/pfad)"),
        ("[a]() [](https://x.de)", "a https://x.de"),
        ("[a [b]](javascript:x)", "[a [b]] (javascript:x)"),
        ("[1]: javascript:x", f"[1]{GAP}: javascript:x"),
        ("![Bild](https://x.de/a.png) ![](https://x.de/b.png)", "[Bild](https://x.de/a.png) https://x.de/b.png"),
        ("![Bild](data:image/png;base64,AAAA)", "Bild"),
        ("<https://x.de> <mailto:a@b.de> https://x.de/?a&b", "https://x.de mailto:a@b.de https://x.de/?a&b"),
        ("<script>", "&lt;script&gt;"),
        ("```html\n<!DOCTYPE html> &amp; <!channel>\n```", f"```html\n<!DOCTYPE html> &amp; <{GAP}!channel>\n```"),
        ("~~~ c++ hl_lines=1\nx\n~~~", "~~~c++\nx\n~~~"),
        ("```py\nx = 1", "```py\nx = 1\n```"),
        ("  ```py\n  x\n  ```", "  ```py\n  x\n  ```"),
        ("```\n~~~\n```", "```\n~~~\n```"),
        ("\n\nHallo\n\n", "Hallo"),
        ("a\0\ud800b", "ab"),
    ],
)
def test_an_answer_is_shown_as_meant_and_calls_nobody(markdown: str, expected: str) -> None:
    assert shown(markdown) == expected


@pytest.mark.parametrize("markdown", ["", "\n \n"])
def test_there_is_always_something_to_show(markdown: str) -> None:
    assert parts(markdown) == (Part("…"),)


@given(SOUP)
def test_no_answer_calls_anybody_or_links_elsewhere(markdown: str) -> None:
    for part in parts(markdown):
        assert not CALL.search(part.text)
        prose = re.sub(r"(?ms)^[\s>]*(```|~~~).*?^[\s>]*\1|`[^\n]*`", "", part.text)
        assert all(re.match(r"https?://|mailto:", url) for url in re.findall(r"\]\(([^)]*)\)", prose))
        assert not re.search(r"@(?:everyone|channel|here)\b", re.sub(r"https?://\S+|mailto:\S+", "x", prose))


@pytest.mark.parametrize(
    ("markdown", "settled"),
    [
        ("Hallo Welt, a < b.", "Hallo Welt, a &lt; b."),
        ("Hallo **Welt", "Hallo **Welt"),
        ("Hallo `co", "Hallo"),
        ("Hallo `code`", "Hallo"),
        ("Hallo `code` da", "Hallo `code` da"),
        ("siehe [hier](https://x", "siehe"),
        ("siehe [hier](https://x) da", "siehe [hier](https://x) da"),
        ("siehe [1] da", "siehe [1] da"),
        ("an @he", "an"),
        ("an a@b.de und", "an a@b.de und"),
        ("Toll!", "Toll"),
        ("Toll! Ja", "Toll! Ja"),
        ("so <https://x", "so"),
        ("so <x y", "so &lt;x y"),
        ("Satz.\n~~", "Satz."),
        ("```py\nx = 1\n``", "```py\nx = 1"),
        ("```py\nx <", "```py\nx"),
        ("Zeile \n", "Zeile"),
    ],
)
def test_only_what_can_not_change_any_more_is_settled(markdown: str, settled: str) -> None:
    (part,) = parts(markdown)
    assert part.text[: part.settled] == settled


@given(SOUP, SOUP)
def test_what_is_settled_stays_whatever_is_written_on(before: str, more: str) -> None:
    now, later = parts(before)[0], parts(before + more)[0]
    assert later.text.startswith(now.text[: now.settled])


@settings(deadline=1000, max_examples=40)
@given(LONG)
def test_each_part_of_a_long_answer_fits_and_stands_alone(markdown: str) -> None:
    found = parts(markdown)
    for part in found:
        assert part.text == part.text.strip("\n")
        assert size(part.text) <= LIMIT
        assert not ends_in_code(part.text)
    assert all(part.settled == len(part.text) for part in found[:-1])


@settings(deadline=1000, max_examples=40)
@given(LONG)
def test_splitting_loses_nothing(markdown: str) -> None:
    whole = "".join(part.text for part in parts(markdown)).replace("…", "")
    assert words(whole) == words(markdown)


def test_a_long_answer_is_cut_at_an_empty_line() -> None:
    first, second = parts(f"{'Satz. ' * 1200}\n\n{'Mehr. ' * 1200}")
    assert (first.text, second.text) == (("Satz. " * 1200).strip(), ("Mehr. " * 1200).strip())


def test_code_that_is_cut_is_closed_and_opened_again_with_its_language() -> None:
    code = [f"zeile_{number} = {number}" for number in range(1000)]
    first, second = parts("```python\n" + "\n".join(code) + "\n```\nEnde")
    assert first.text.startswith("```python\n")
    assert first.text.endswith("\n```")
    assert second.text.startswith("```python\n")
    assert second.text.endswith("\n```\nEnde")
    inner = first.text.split("\n")[1:-1] + second.text.split("\n")[1:-2]
    assert inner == code


def test_no_part_ends_or_begins_with_an_empty_block() -> None:
    filler = "\n".join(["x" * 99] * 107)
    first, second = parts(f"{filler}\n```py\n{'y' * 300}\n```")
    assert first.text == filler
    assert second.text == f"```py\n{'y' * 300}\n```"
    (only,) = parts("```\n" + "\n".join(["x" * 99] * 107 + ["y" * 95]) + "\n```")
    assert only.text.endswith("y\n```")


def test_earlier_parts_stay_when_the_answer_grows() -> None:
    text = "\n\n".join(f"Absatz {number}. {'Wort ' * 150}" for number in range(40))
    before, after = parts(text[:20000]), parts(text)
    assert len(after) > len(before) > 1
    assert after[: len(before) - 1] == before[:-1]
