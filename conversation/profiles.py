"""Model profiles: what belongs to one model. The dialogue knows profiles, never model names."""

from __future__ import annotations

from dataclasses import dataclass, field

from conversation.generation import Sampling
from conversation.texts import GERMAN, texts_for

DEFAULT_SYSTEM_PROMPT = "Du bist ein hilfreicher Assistent."


@dataclass(frozen=True, slots=True)
class ModelProfile:
    """Prompt format, sampling and licence of one model; the sampling's answer tokens are kept free in the window."""

    name: str
    called: str
    """What people are told that it is."""
    format: str
    licence: str
    sampling: Sampling = field(default_factory=Sampling)
    licence_in_english: str = ""
    """Where it is said in other words than in German."""

    def licence_for(self, locale: str | None) -> str:
        """The licence in the person's language."""
        german = texts_for(locale) is GERMAN
        return self.licence if german or not self.licence_in_english else self.licence_in_english


# Sampling as in the LM Studio preset that the models' authors ship.
EM_GERMAN = ModelProfile(
    name="em-german",
    called="EM German",
    format="vicuna",
    licence="Llama-2-Lizenz oder Apache 2.0, je nach Basismodell; laut den Autoren für Forschungszwecke",
    sampling=Sampling(temperature=0.6, top_k=40, top_p=0.95, repetition_penalty=1.2),
    licence_in_english="Llama 2 licence or Apache 2.0, as its base model; for research, say its authors",
)
# With less repetition penalty it goes round in circles, with more temperature it invents figures (tried by hand).
QWEN_CODER = ModelProfile(
    name="qwen-coder-small",
    called="Qwen2.5-Coder-1.5B-Instruct",
    format="chatml",
    licence="Apache 2.0",
    sampling=Sampling(answer_tokens=384, temperature=0.2, top_k=40, top_p=0.9, repetition_penalty=1.15),
)
PROFILES = {profile.name: profile for profile in (EM_GERMAN, QWEN_CODER)}


@dataclass(frozen=True, slots=True)
class Persona:
    """Who the assistant is: its system prompt, and how it picks its words."""

    system_prompt: str = DEFAULT_SYSTEM_PROMPT
    sampling: Sampling = field(default_factory=Sampling)
