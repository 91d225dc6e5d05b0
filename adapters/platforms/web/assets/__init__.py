"""The page's files. ``tokens.css`` (colours, sizes, spacing) is shared with every other page of the service."""

from __future__ import annotations

import hashlib
import html
import json
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from string import Template
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from importlib.abc import Traversable

MEDIA_TYPES = {".css": "text/css", ".js": "text/javascript", ".svg": "image/svg+xml"}


@dataclass(frozen=True, slots=True)
class Asset:
    """A file as it is sent."""

    content: bytes
    media_type: str
    etag: str


@cache
def page(language: str) -> str:
    """The chat page in one language (``de`` or ``en``), its words inside for the script."""
    words = json.loads(_read("words.json"))[language]
    shown = {name: html.escape(word) for name, word in words.items() if isinstance(word, str)}
    # "<" could end the data block; JSON may write it as an escape everywhere.
    data = json.dumps(words, ensure_ascii=False).replace("<", "\\u003c")
    return Template(_read("chat.html").decode()).substitute(shown, language=language, words=data)


def named(name: str) -> Asset | None:
    """The asset with this file name, or None."""
    return _all().get(name)


@cache
def _all() -> dict[str, Asset]:
    return assets_in(files(__name__))


def assets_in(folder: Traversable) -> dict[str, Asset]:
    """The style sheets, scripts and pictures of a folder, by their file names."""
    found = {}
    for file in folder.iterdir():
        media_type = MEDIA_TYPES.get(f".{file.name.rpartition('.')[2]}")
        if media_type:
            content = file.read_bytes()
            found[file.name] = Asset(content, media_type, f'"{hashlib.sha256(content).hexdigest()[:32]}"')
    return found


def _read(name: str) -> bytes:
    return (files(__name__) / name).read_bytes()
