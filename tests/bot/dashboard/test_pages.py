"""Every page as it is made: well formed, in its language, and nothing that people write becomes part of it."""

from __future__ import annotations

import re
from collections import Counter
from html.parser import HTMLParser
from importlib.resources import files
from itertools import pairwise
from typing import TYPE_CHECKING

import pytest
from jinja2 import UndefinedError

from adapters.stores.sql.operators import Role
from tests.support.dashboard_pages import ATTACK, LONG, Sample, account, empty, failing, home, hostile, operator, usual
from tests.support.dashboard_pages import operators as staff

if TYPE_CHECKING:
    from collections.abc import Iterator

LANGUAGES = ("de", "en")
STATIC = files("bot.dashboard") / "static"
SHEETS = sorted(sheet.name for sheet in STATIC.iterdir() if sheet.name.endswith(".css"))
VOID = {"meta", "link", "input", "img", "br"}
SAMPLES = {
    **usual(),
    **{f"{name}, empty": sample for name, sample in empty().items()},
    **{f"{name}, hostile": sample for name, sample in hostile().items()},
}


class Tree(HTMLParser):
    """A page's tags, texts and what is wrong with how they stand in each other."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str]]] = []
        self.texts: list[tuple[tuple[str, ...], str]] = []
        self._open: list[str] = []
        self.feed(page)
        self.close()
        assert self._open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        assert len(attrs) == len(dict(attrs)), (tag, attrs)
        self.tags.append((tag, {name: value or "" for name, value in attrs}))
        if tag not in VOID:
            self._open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self._open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.texts.append((tuple(self._open), data))

    def all(self, tag: str) -> Iterator[dict[str, str]]:
        return (attributes for name, attributes in self.tags if name == tag)


def pages_in(language: str) -> Iterator[tuple[str, str]]:
    """Every page in this language."""
    for name, sample in SAMPLES.items():
        yield name, bytes(sample.shown(language).body).decode()
    for name, response in failing(language).items():
        yield name, bytes(response.body).decode()


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_page_is_whole_and_says_its_language(language: str) -> None:
    for name, page in pages_in(language):
        tree = Tree(page)
        assert page.startswith("<!doctype html>\n"), name
        assert next(tree.all("html"))["lang"] == language, name
        for once in ("title", "main", "h1", "header", "footer", "dialog"):
            assert len(list(tree.all(once))) == 1, (name, once)
        ids = Counter(attributes["id"] for _, attributes in tree.tags if "id" in attributes)
        assert set(ids.values()) == {1}, (name, ids)
        for attributes in (attributes for _, attributes in tree.tags):
            for pointer in ("for", "aria-labelledby", "aria-describedby"):
                assert pointer not in attributes or attributes[pointer] in ids, (name, attributes)
        levels = [int(tag[1]) for tag, _ in tree.tags if re.fullmatch(r"h\d", tag)]
        assert levels[0] == 1, name
        assert all(later <= earlier + 1 for earlier, later in pairwise(levels)), (name, levels)


@pytest.mark.parametrize("language", LANGUAGES)
def test_no_page_has_a_script_or_a_style_in_it_or_loads_from_elsewhere(language: str) -> None:
    for name, page in pages_in(language):
        tree = Tree(page)
        assert [attributes.get("src") for attributes in tree.all("script")] == ["/admin/static/dashboard.js"], name
        assert list(tree.all("style")) == [], name
        for tag, attributes in tree.tags:
            assert not [key for key in attributes if key.startswith("on") or key == "style"], (name, tag)
            for loaded in ("src", "href", "action"):
                address = attributes.get(loaded, "/admin")
                tunnel = (tag, address) == ("a", "http://localhost:8080/admin")
                assert address.startswith(("/admin", "#main")) or tunnel, (name, address)


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_field_has_its_label(language: str) -> None:
    for name, page in pages_in(language):
        tree = Tree(page)
        labelled = {attributes["for"] for attributes in tree.all("label") if "for" in attributes}
        for tag in ("input", "select", "textarea"):
            for attributes in tree.all(tag):
                hidden = attributes.get("type") == "hidden" or "aria-hidden" in attributes
                assert hidden or attributes["id"] in labelled | {"keys-on"}, (name, attributes)


@pytest.mark.parametrize("language", LANGUAGES)
def test_what_people_write_stays_text_and_stands_for_itself(language: str) -> None:
    apart = {"bdi", "option"}
    for name, sample in hostile().items():
        page = bytes(sample.shown(language).body).decode()
        assert "<script>alert" not in page, name
        for around, text in Tree(page).texts:
            if ATTACK in text or LONG in text:
                # What is wrong is said in our own words, and no word of anybody else's is in it.
                assert apart & set(around) or around[-1] == "p", (name, around, text[:80])


def test_an_unknown_name_in_a_template_is_an_error() -> None:
    with pytest.raises(UndefinedError, match="told"):
        Sample("error.html", "/admin").shown("de")


@pytest.mark.parametrize(
    ("role", "addresses"),
    [
        (Role.OWNER, ["/admin", "/admin/operators", "/admin/audit", "/admin/account"]),
        (Role.ADMIN, ["/admin", "/admin/account"]),
        (Role.REVIEWER, ["/admin", "/admin/account"]),
        (Role.AUDITOR, ["/admin", "/admin/audit", "/admin/account"]),
    ],
)
def test_the_navigation_shows_where_a_role_may_go_and_where_one_is(role: Role, addresses: list[str]) -> None:
    sample = Sample("account.html", "/admin/account?done=saved", operator(role=role), context=account())
    tree = Tree(bytes(sample.shown("en").body).decode())
    places = [attributes for attributes in tree.all("a") if "class" not in attributes]
    assert [place["href"] for place in places] == addresses
    assert [place["href"] for place in places if place.get("aria-current") == "page"] == ["/admin/account"]


def test_before_signing_in_there_is_nowhere_to_go() -> None:
    tree = Tree(bytes(usual()["sign-in"].shown("de").body).decode())
    assert list(tree.all("nav")) == []
    assert [form["action"] for form in tree.all("form") if "action" in form] == ["/admin/sign-in", "/admin/language"]


def test_the_language_switch_leads_back_to_the_page_with_its_filters() -> None:
    tree = Tree(bytes(usual()["audit"].shown("de").body).decode())
    assert [field["value"] for field in tree.all("input") if field.get("name") == "next"] == ["/admin/audit?days=7"]
    assert [button["value"] for button in tree.all("button") if button.get("name") == "language"] == ["en"]


def test_nothing_is_marked_where_all_is_well() -> None:
    page = bytes(Sample("home.html", "/admin", operator(), context=home()).shown("de").body).decode()
    assert "Alles läuft." in page
    assert not re.search(r'class="(gauge|note) (bad|warn)"', page)


def test_what_is_stuck_is_said_with_what_to_do() -> None:
    page = bytes(usual()["home"].shown("de").body).decode()
    for said in (
        "5 Punkte brauchen",
        "plausch doctor",
        "1.204",
        "plausch turns parked",
        "<bdi>Slack</bdi> ist gestört",
    ):
        assert said in page


def test_what_an_operator_may_see_stays_ticked_though_nothing_is_known_of_it() -> None:
    limited = operator("Ole Muster", Role.REVIEWER, workspaces=(("slack", "T0"), ("slack", "T9")))
    row = {"operator": limited, "last_seen": None, "signed_in": False, "me": False}
    context = staff(rows=[row], known_workspaces=[("slack", "T0"), ("slack", "T1")])
    tree = Tree(
        bytes(Sample("operators.html", "/admin/operators", operator(), context=context).shown("en").body).decode()
    )
    boxes = [box for box in tree.all("input") if box.get("type") == "checkbox" and box["id"].startswith("workspace-")]
    assert [(box["value"], "checked" in box) for box in boxes] == [
        ("slack T0", True),
        ("slack T1", False),
        ("slack T9", True),
    ]


def test_a_filter_is_taken_off_by_its_chip() -> None:
    tree = Tree(bytes(usual()["audit"].shown("en").body).decode())
    chips = [link["href"] for link in tree.all("a") if link.get("class") == "chip"]
    assert chips == [
        "/admin/audit?action=audit_read&operator=id-owner&days=",
        "/admin/audit?action=&operator=id-owner&days=7",
        "/admin/audit?action=audit_read&operator=&days=7",
    ]


# ── the style ────────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("name", SHEETS)
def test_colours_and_sizes_are_those_of_the_tokens(name: str) -> None:
    sheet = re.sub(r"/\*.*?\*/", "", (STATIC / name).read_text("utf-8"), flags=re.DOTALL)
    sheet = re.sub(r"@media \([^)]*\)", "", sheet)
    assert not re.search(r"#[0-9a-f]{3,8}\b|\b(rgb|hsl|oklch)a?\(", sheet)
    assert set(re.findall(r"[\d.]+(?:rem|px|pt|vw)\b", sheet)) <= {"1px", "2px", "3px"}
    assert set(re.findall(r"font(?:-size)?:[^;]*var\((--text[\w-]*)\)", sheet)) <= {
        *("--text-small", "--text", "--text-large", "--text-title"),
    }


def test_every_sheet_is_loaded() -> None:
    page = bytes(usual()["sign-in"].shown("de").body).decode()
    linked = re.findall(r'rel="stylesheet" href="/admin/static/([\w.]+)"', page)
    assert sorted(linked) == sorted([*SHEETS, "tokens.css"])
