"""The model server that the settings name, and the profile that belongs to its model."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from adapters.model_servers.guarded import Guarded
from conversation.profiles import EM_GERMAN, PROFILES, QWEN_CODER, ModelProfile, Persona

if TYPE_CHECKING:
    from bot.settings import Settings
    from conversation.ports import ModelServer

# How long a model server in trouble is left alone at most, in seconds.
_LONGEST_PAUSE = 30.0
_LONGEST_PAUSE_EMBEDDED = 1.0


@dataclass(frozen=True, slots=True)
class Served:
    """A model server, how its model wants its prompts, and who it is to be."""

    server: Guarded
    profile: ModelProfile
    persona: Persona


def served(settings: Settings) -> Served:
    """Make the adapter; no server is called yet. For ``embedded`` the model file is fetched, which may take minutes.

    Raises ``SettingWrong`` where no model file can be had.
    """
    server, is_pinned_small_model = _server(settings)
    profile = PROFILES[settings.model_profile] if settings.model_profile else EM_GERMAN
    if is_pinned_small_model and not settings.model_profile:
        profile = QWEN_CODER
    # The embedded server refuses before anything is sent, so asking it often costs nothing.
    longest_pause = _LONGEST_PAUSE_EMBEDDED if settings.model_server == "embedded" else _LONGEST_PAUSE
    return Served(Guarded(server, longest_pause=longest_pause), profile, _persona(settings, profile))


def _server(settings: Settings) -> tuple[ModelServer, bool]:
    """Imports are late: each of them brings a library of its own."""
    key = settings.model_key.get_secret_value() if settings.model_key else None
    url = settings.model_url or ""
    if settings.model_server == "tgi":
        from adapters.model_servers.tgi import TGI  # noqa: PLC0415 - late on purpose

        return TGI(url, key=key), False
    if settings.model_server == "openai":
        from adapters.model_servers.openai import OpenAICompletions  # noqa: PLC0415 - late on purpose

        return OpenAICompletions(url, model=settings.model_name, key=key), False
    from adapters.model_servers.embedded import Embedded  # noqa: PLC0415 - late on purpose
    from adapters.model_servers.weights import model_file  # noqa: PLC0415 - late on purpose
    from adapters.model_servers.weights_progress import OnConsole  # noqa: PLC0415 - late on purpose

    with OnConsole() as progress:
        embedded = Embedded(model_file(settings.embedded_model or "", progress))
    return embedded, embedded.is_pinned


def _persona(settings: Settings, profile: ModelProfile) -> Persona:
    """The system prompt and the sampling, the profile's where the settings say nothing."""
    sampling = profile.sampling
    if settings.answer_tokens is not None:
        sampling = replace(sampling, answer_tokens=settings.answer_tokens)
    if settings.temperature is not None:
        sampling = replace(sampling, temperature=settings.temperature)
    return Persona(settings.system_prompt, sampling)
