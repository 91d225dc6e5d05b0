"""What the terminal itself says, and in which language."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from conversation.texts import ENGLISH, texts_for

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True, slots=True)
class Words:
    """One language. ``welcome`` is filled with ``model``."""

    prompt: str
    welcome: str
    loading: str
    thinking: str
    bye: str


_GERMAN = Words(
    prompt="Du: ",
    welcome="plausch mit {model}. /hilfe zeigt, was ich kann; Strg-C stoppt eine Antwort, Strg-D beendet.",
    loading="Das Sprachmodell ist noch nicht bereit …",
    thinking="…",
    bye="Bis bald!",
)
_ENGLISH = Words(
    prompt="You: ",
    welcome="plausch with {model}. /help shows what I can do; Ctrl-C stops an answer, Ctrl-D ends.",
    loading="The language model is not ready yet …",
    thinking="…",
    bye="See you!",
)


def words_for(locale: str | None) -> Words:
    """The person's language; German where it is none of ours, as in the chat."""
    return _ENGLISH if texts_for(locale) is ENGLISH else _GERMAN


def locale_of_terminal(environment: Mapping[str, str]) -> str | None:
    """The language as POSIX looks it up, as in ``de_DE``; None where nothing is said."""
    for name in ("LC_ALL", "LC_MESSAGES", "LANG"):
        if value := environment.get(name):
            language = value.partition(".")[0].partition("@")[0]
            return None if language in {"C", "POSIX"} else language
    return None
