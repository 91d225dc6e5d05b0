"""The repository's own files, as tests about form read them."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
_NOT_OURS = re.compile(r"\.(?!ci$|env\.example$|gitignore$)|build$|__pycache__$|node_modules$|.*\.egg-info$")
_NOT_TEXT = {".png", ".jpg", ".ico", ".gguf", ".pyc"}


def texts(*suffixes: str, below: Path = ROOT) -> list[Path]:
    """The text files with one of these suffixes (or all), without what tools made, sorted."""
    found: list[Path] = []
    for path in sorted(below.iterdir()):
        if _NOT_OURS.match(path.name):
            continue
        if path.is_dir():
            found += texts(*suffixes, below=path)
        elif path.suffix not in _NOT_TEXT and (not suffixes or path.suffix in suffixes):
            found.append(path)
    return found


def places(pattern: str, paths: list[Path]) -> list[str]:
    """Where the pattern stands: file, line and text."""
    wanted = re.compile(pattern)
    return [
        f"{path.relative_to(ROOT)}:{number}: {line.strip()}"
        for path in paths
        for number, line in enumerate(path.read_text("utf-8").splitlines(), 1)
        if wanted.search(line)
    ]


def outside_code(markdown: str) -> str:
    """The text without its fenced code blocks."""
    return re.sub(r"(?ms)^```.*?^```$", "", markdown)
