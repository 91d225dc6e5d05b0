"""What a model server is asked for, and what comes back."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class FinishReason(StrEnum):
    """Why the model stopped writing."""

    END = "end"
    """It was done (end token, or a stop sequence)."""
    TOKENS = "tokens"
    """The tokens for an answer were used up."""
    ROLE_WORD = "role_word"
    """It went on with somebody else's words: the stream was closed on our side."""
    STOPPED = "stopped"
    """A person stopped it."""
    CUT = "cut"
    """The stream broke after something had been shown."""


@dataclass(frozen=True, slots=True)
class Sampling:
    """How the model picks its words; ``None`` leaves a field to the server. ``answer_tokens`` is the answer's limit."""

    answer_tokens: int = 1024
    temperature: float | None = None
    top_k: int | None = None
    top_p: float | None = None
    repetition_penalty: float | None = None
    stops: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Token:
    """A piece of the answer as the server sent it. ``special`` tokens are never shown."""

    text: str
    special: bool = False


@dataclass(frozen=True, slots=True)
class Finish:
    """The stream's proper end. Token counts are ``None`` where the server does not tell them."""

    reason: FinishReason
    prompt_tokens: int | None = None
    answer_tokens: int | None = None


@dataclass(frozen=True, slots=True)
class ModelDescription:
    """``name`` as the server calls the model; ``window`` in tokens, prompt and answer together."""

    name: str
    window: int
    max_prompt: int
    """The longest prompt in tokens."""
