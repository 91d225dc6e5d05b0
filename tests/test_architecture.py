"""The rules of form: what may import what, how long a file is, what stands nowhere."""

from __future__ import annotations

import ast
import re
import sys
import tomllib
from typing import TYPE_CHECKING

import pytest
from importlinter.cli import lint_imports

from tests.support.files import ROOT, places, texts

if TYPE_CHECKING:
    from pathlib import Path

CODE = texts(".py", ".js", ".css", ".html", ".yaml", ".sh", ".mako", ".toml")
PACKAGES = ("bot", "adapters", "conversation")
MOST_LINES = 300


def shown(path: Path) -> str:
    """A file's name for people."""
    return str(path.relative_to(ROOT))


# ── what may import what ─────────────────────────────────────────────────────────────────────────────────────────────


def test_imports_only_go_right(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.chdir(ROOT)
    failed = lint_imports(config_filename="pyproject.toml", no_cache=True)
    assert not failed, capsys.readouterr().out


def test_the_contracts_are_the_one_rule_and_the_four_kinds_of_adapters() -> None:
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["tool"]["importlinter"]
    layers, independence = settings["contracts"]
    assert layers["layers"] == list(PACKAGES)
    kinds = sorted(path.parent.name for path in (ROOT / "adapters").glob("*/__init__.py"))
    assert sorted(independence["modules"]) == [f"adapters.{kind}" for kind in kinds]
    assert not any("ignore_imports" in contract for contract in settings["contracts"])


@pytest.mark.parametrize("path", texts(".py", below=ROOT / "conversation"), ids=shown)
def test_the_conversation_imports_the_standard_library_and_itself(path: Path) -> None:
    imported = set()
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            imported |= {name.name.partition(".")[0] for name in node.names}
        elif isinstance(node, ast.ImportFrom):
            imported.add((node.module or "").partition(".")[0])
    assert imported <= sys.stdlib_module_names | {"conversation"}


@pytest.mark.parametrize("package", ["conversation", "bot"])
def test_no_platform_is_told_by_its_name_outside_its_folder(package: str) -> None:
    compared = (
        r"(?<!sys\.)\bplatform\b[^=\n]*[!=]=\s*[\"']|[\"']\s*[!=]=\s*\w*platform|\bcase [\"'](slack|telegram|web)[\"']"
    )
    assert places(compared, texts(".py", below=ROOT / package)) == []


def test_everything_in_the_packages_is_installed_with_them() -> None:
    setuptools = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["tool"]["setuptools"]
    patterns = setuptools["package-data"]["*"]
    for package in PACKAGES:
        for path in texts(below=ROOT / package):
            assert path.suffix == ".py" or any(path.match(pattern) for pattern in patterns), path


# ── the size of things ───────────────────────────────────────────────────────────────────────────────────────────────


def test_no_file_is_two_things() -> None:
    lines = {path: len(path.read_text("utf-8").splitlines()) for path in texts(".py", ".js", ".css")}
    assert {shown(path): count for path, count in lines.items() if count > MOST_LINES} == {}


# ── what stands nowhere ──────────────────────────────────────────────────────────────────────────────────────────────


def test_nothing_is_left_unfinished() -> None:
    assert places(r"\b(T[O]DO|FIX[M]E|X[X]X|H[A]CK)\b", texts()) == []


def test_each_rule_that_is_switched_off_is_named_with_its_reason() -> None:
    switched_off = places(r"#\s*(noqa|type:\s*ignore|pragma: no cover|ruff: noqa|mypy:)", texts(".py"))
    code = r"[A-Z]+\d+(, ?[A-Z]+\d+)*"
    named = re.compile(rf"# (noqa: {code}|type: ignore\[[a-z-]+(, ?[a-z-]+)*\]|pragma: no cover) +(--?|#|–) *\w+")
    assert [place for place in switched_off if not named.search(place) and 'r"#' not in place] == []


def test_no_test_is_skipped_or_expected_to_fail() -> None:
    marks = r"pytest\.(mark\.)?(s[k]ip(if)?|xf[a]il)\b|importors[k]ip"
    assert places(marks, texts(".py", below=ROOT / "tests")) == []


def test_no_path_of_a_machine_stands_anywhere() -> None:
    assert places(r"(?<![\w.])/(wor[k]|roo[t]|Use[r]s|hom[e]/(?!plausch))/", texts()) == []


def test_no_package_registrys_address_stands_anywhere() -> None:
    hosts = (r"p[y]pi\.org", r"python[h]osted", r"registry\.np[m]js", r"deb\.deb[i]an", r"crate[s]\.io", r"cond[a]\.")
    assert places("|".join(hosts), texts()) == []


# ── what is installed ────────────────────────────────────────────────────────────────────────────────────────────────

_PIN = re.compile(r"(?P<name>[A-Za-z0-9][\w.-]*)==(?P<version>[\w.]+)( ; [^\\]+?)?( --hash=sha256:[0-9a-f]{64})+")


def locked(name: str) -> dict[str, str]:
    """Version by package; fails where a line is anything but a pin with its hashes."""
    joined = re.sub(r" *\\\n\s*", " ", (ROOT / "requirements" / name).read_text("utf-8"))
    found = {}
    for line in joined.splitlines():
        pin = _PIN.fullmatch(line.strip())
        assert pin, line[:100]
        found[normalised(pin["name"])] = pin["version"]
    return found


def direct(name: str) -> list[str]:
    """The packages that we ask for by ourselves."""
    lines = (ROOT / "requirements" / name).read_text("utf-8").splitlines()
    return [normalised(re.split(r"[\[<>=; ]", line)[0]) for line in lines if line and line[0] not in "-#"]


def normalised(name: str) -> str:
    """A package's name as installers compare it."""
    return re.sub(r"[-_.]+", "-", name).lower()


def test_requirements_are_pins_with_hashes_and_nothing_else() -> None:
    runtime, tests = locked("runtime.txt"), locked("tests.txt")
    assert set(direct("runtime.in")) <= set(runtime)
    assert set(direct("tests.in")) <= set(tests)
    assert runtime.items() <= tests.items()  # the tests run on what operators run


def test_each_direct_dependency_has_its_reason_and_its_locked_version() -> None:
    page = (ROOT / "docs" / "decisions" / "dependencies.md").read_text("utf-8")
    told = {normalised(name): version for name, version in re.findall(r"(?m)^\| ([\w.-]+) \|.*\| (\d[\w.]*) \|$", page)}
    versions = locked("tests.txt")
    assert told == {name: versions[name] for name in (*direct("runtime.in"), *direct("tests.in"))}
