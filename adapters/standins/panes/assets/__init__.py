"""The panes' files. Colours and sizes (``tokens.css``) come from the service's own pages."""

from __future__ import annotations

import html
import json
from functools import cache
from importlib.resources import files
from string import Template
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

_MEDIA_TYPES = {"css": "text/css", "js": "text/javascript", "svg": "image/svg+xml"}


def page(name: str, language: str, own: Mapping[str, str]) -> str:
    """A page in one language (``de`` or ``en``), its words inside for the script. ``own`` is what only it needs."""
    words = {**_words()[language], **own}
    shown = {key: html.escape(word) for key, word in words.items()}
    # "<" could end the data block; JSON may write it as an escape everywhere.
    data = json.dumps(words, ensure_ascii=False).replace("<", "\\u003c")
    return Template(_read(name).decode()).substitute(shown, language=language, words=data)


def named(name: str) -> bytes | None:
    """The file's content, or None where a page may not have it."""
    return _all().get(name)


def media_type(name: str) -> str | None:
    """What a file of this name is, or None."""
    return _MEDIA_TYPES.get(name.rpartition(".")[2])


@cache
def _all() -> dict[str, bytes]:
    return {file.name: file.read_bytes() for file in files(__name__).iterdir() if media_type(file.name)}


@cache
def _words() -> dict[str, dict[str, str]]:
    words: dict[str, dict[str, str]] = json.loads(_read("words.json"))
    return words


def _read(name: str) -> bytes:
    return (files(__name__) / name).read_bytes()
