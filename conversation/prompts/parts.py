"""What a prompt is rendered from."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True, slots=True)
class Utterance:
    """A piece of a prompt's dialogue by "user" or "assistant"; ``name`` leads the words where several people talk."""

    role: str
    text: str
    name: str | None = None


@dataclass(frozen=True, slots=True)
class Source:
    """A passage that the answer may quote, with metadata as the prompt shows it."""

    text: str
    metadata: Mapping[str, str]
