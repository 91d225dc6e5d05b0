"""What is written for people: links lead somewhere, both READMEs say the same, references to tests are true."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING
from urllib.parse import unquote

import pytest

from tests.support.files import ROOT, outside_code, texts

if TYPE_CHECKING:
    from pathlib import Path

DECISIONS = sorted((ROOT / "docs" / "decisions").glob("[0-9]*.md"))
ENGLISH, GERMAN = ((ROOT / name).read_text("utf-8") for name in ("README.md", "README_DE.md"))
_LINK = re.compile(r"\]\(([^()\s]+)\)|(?:src|href|srcset)=\"([^\"]+)\"")


def headings(markdown: str) -> list[tuple[int, str]]:
    """Level and words of each heading."""
    return [(len(marks), words) for marks, words in re.findall(r"(?m)^(#+) (.+)$", outside_code(markdown))]


def anchor(heading: str) -> str:
    """The name by which a forge links to it."""
    return re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")


def code_blocks(markdown: str) -> list[str]:
    """The code blocks, without comments, which are in the reader's language."""
    blocks = re.findall(r"(?ms)^```(.*?)^```$", markdown)
    return [re.sub(r"(?m) *#.*$", "", block) for block in blocks]


def tables(markdown: str) -> list[list[str]]:
    """Each table as the first cells of its rows below the head."""
    blocks = re.findall(r"(?m)(?:^\|.*\n)+", outside_code(markdown) + "\n")
    return [[row.split("|")[1].strip() for row in block.splitlines()[2:]] for block in blocks]


@pytest.mark.parametrize("path", texts(".md"), ids=lambda path: str(path.relative_to(ROOT)))
def test_each_link_leads_somewhere(path: Path) -> None:
    for link in (one or other for one, other in _LINK.findall(outside_code(path.read_text("utf-8")))):
        if re.match(r"[a-z]+:", link):
            continue
        file, _, part = unquote(link).partition("#")
        target = path.parent / file if file else path
        assert target.exists(), link
        if part:
            assert part in {anchor(words) for _, words in headings(target.read_text("utf-8"))}, link


def test_both_readmes_have_the_same_structure() -> None:
    assert [level for level, _ in headings(ENGLISH)] == [level for level, _ in headings(GERMAN)]
    assert [len(rows) for rows in tables(ENGLISH)] == [len(rows) for rows in tables(GERMAN)]
    assert ENGLISH.count("\n- ") == GERMAN.count("\n- ")
    assert len(re.findall(r"(?m)^\d+\. ", ENGLISH)) == len(re.findall(r"(?m)^\d+\. ", GERMAN))


def test_both_readmes_show_the_same_code() -> None:
    assert code_blocks(ENGLISH) == code_blocks(GERMAN)


def test_both_readmes_lead_to_each_other_and_to_the_same_places() -> None:
    def places(markdown: str) -> set[str]:
        return {link.partition("#")[0] for pair in _LINK.findall(markdown) for link in pair if link}

    assert places(ENGLISH) - {"README_DE.md"} == places(GERMAN) - {"README.md"}
    assert "README_DE.md" in places(ENGLISH)
    assert "README.md" in places(GERMAN)


def test_operators_are_addressed_politely_in_german() -> None:
    assert not re.findall(r"\b(du|dein\w*|dir|dich)\b", re.sub(r"„[^“]*“|`[^`]*`", "", outside_code(GERMAN)))


@pytest.mark.parametrize("path", DECISIONS, ids=lambda path: path.name)
def test_each_decision_is_short_and_says_why(path: Path) -> None:
    text = path.read_text("utf-8")
    assert [words for level, words in headings(text) if level == 2] == ["Context", "Decision", "Consequences"]
    assert len(text.splitlines()) <= 40
    assert re.match(rf"# {int(path.name[:4])}\. ", text)


def test_decisions_are_counted_without_a_gap() -> None:
    assert [int(path.name[:4]) for path in DECISIONS] == list(range(1, len(DECISIONS) + 1))


def test_each_test_that_the_documents_name_is_there() -> None:
    for path in texts(".md"):
        for file, name in re.findall(r"`(tests/[\w/]+\.py)(?:::(\w+))?`", path.read_text("utf-8")):
            assert (ROOT / file).exists(), f"{path.name}: {file}"
            assert not name or f"def {name}(" in (ROOT / file).read_text("utf-8"), f"{path.name}: {name}"


def test_each_invariant_stands_in_the_architecture() -> None:
    page = (ROOT / "docs" / "architecture.md").read_text("utf-8")
    assert re.findall(r"(?m)^\| I(\d+) \|", page) == [str(number) for number in range(1, 12)]
