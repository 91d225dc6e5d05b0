"""What the doctor looks at in the model server: it asks for one token, since only that shows that it answers."""

from __future__ import annotations

import asyncio
import contextlib
import importlib.util
from pathlib import Path
from typing import TYPE_CHECKING

from adapters.model_servers.tgi import TGI
from bot.doctor_machine import free_memory
from bot.findings import Finding, warning, well, wrong
from bot.models import served
from conversation.errors import ModelServerError, ModelServerOverloaded, ModelServerUnreachable
from conversation.generation import Sampling

if TYPE_CHECKING:
    from collections.abc import Sequence

    from bot.settings import Settings
    from conversation.generation import ModelDescription
    from conversation.ports import ModelServer

_EMBEDDED = "embedded model"
_URL = "PLAUSCH_MODEL_URL"
_LEAST_ROOM = 256
"""Tokens that a question and the system prompt need at least."""
_MEMORY_FACTOR = 2
"""Process and file: 2.0 GiB for 1.04 GiB of weights with two slots of 4,096 tokens, measured; smaller ones alike."""


async def model_server(settings: Settings) -> Sequence[Finding]:
    """Whether it answers, what it serves, and whether answers fit its window."""
    if settings.model_server == "embedded":
        return await asyncio.to_thread(_embedded, settings.embedded_model or "")
    model = served(settings)
    try:
        try:
            description = await model.server.describe()
        except ModelServerUnreachable as trouble:
            return [
                wrong(_URL, str(trouble), "Start the model server, wait until it has loaded, or correct the address.")
            ]
        found = [await _answers(model.server, description)]
    except ModelServerError as trouble:
        # What it refuses says itself which setting to look at.
        return [wrong("model server", str(trouble), "")]
    finally:
        await model.server.aclose()
    found.append(_fits(description, model.persona.sampling.answer_tokens))
    if settings.model_server == "openai" and await _is_tgi(settings):
        cure = "Set PLAUSCH_MODEL_SERVER=tgi: its own protocol tells more."
        found.append(warning("PLAUSCH_MODEL_SERVER", "this is text-generation-inference.", cure))
    return found


async def _answers(server: ModelServer, description: ModelDescription) -> Finding:
    says = f"{description.name} answers, window {description.window} tokens"
    try:
        async with contextlib.aclosing(server.stream("Hallo", Sampling(answer_tokens=1))) as pieces:
            await anext(aiter(pieces))
    except ModelServerOverloaded as trouble:
        return warning(
            "model server", f"{description.name} has too much to do just now ({trouble}).", "Look again later."
        )
    return well("model server", says)


def _fits(description: ModelDescription, answer_tokens: int) -> Finding:
    room = min(description.window - answer_tokens, description.max_prompt)
    says = f"answers of {answer_tokens} tokens leave {max(room, 0)} of {description.window} for the conversation"
    if room < _LEAST_ROOM:
        cure = f"Use {max(16, description.window // 4)} or less, or give the server a larger window."
        return wrong("PLAUSCH_ANSWER_TOKENS", f"{says}.", cure)
    if room < description.window // 2:
        return warning("window", f"{says}.", "Lower PLAUSCH_ANSWER_TOKENS, or give the server a larger window.")
    return well("window", says)


async def _is_tgi(settings: Settings) -> bool:
    server = TGI(settings.model_url or "")
    try:
        await server.describe()
    except ModelServerError:
        return False
    finally:
        await server.aclose()
    return True


def _embedded(setting: str) -> Sequence[Finding]:
    """Nothing is fetched here, and no model loaded."""
    if importlib.util.find_spec("xllamacpp") is None:
        cure = "Run `make setup`, or set PLAUSCH_MODEL_SERVER to tgi or openai."
        return [wrong("PLAUSCH_MODEL_SERVER", "the embedded model server is not installed.", cure)]
    file, size = _where(setting)
    if not file.is_file():
        return [_missing(setting, file, size), *_memory(size)]
    return [well(_EMBEDDED, f"{file} is here"), *_memory(file.stat().st_size)]


def _where(setting: str) -> tuple[Path, int]:
    """The file, and its size as far as it is known; as ``weights.model_file`` looks for it."""
    from adapters.model_servers.weights import usual_source  # noqa: PLC0415 - late: it brings libraries of its own

    source = usual_source()
    if not setting:
        return source.cache / source.pinned.file, source.pinned.size
    repository, of_hub, file = setting.partition(":")
    if of_hub and repository.count("/") == 1 and not Path(setting).exists():
        return source.cache / repository.replace("/", "--") / file, 0
    return Path(setting).expanduser(), 0


def _missing(setting: str, file: Path, size: int) -> Finding:
    if setting and ":" not in setting:
        cure = "Give the path of a .gguf file, or repository:file of Hugging Face's hub."
        return wrong("PLAUSCH_EMBEDDED_MODEL", f"there is no file {file}.", cure)
    of_size = f" ({size / 1e9:.1f} GB)" if size else ""
    return warning(
        _EMBEDDED, f"it is not on this machine yet{of_size}.", "The first start fetches it, with the network."
    )


def _memory(size: int) -> Sequence[Finding]:
    free, needed = free_memory(), _MEMORY_FACTOR * size
    if free is None or not needed:
        return []
    says = f"about {needed / 1e9:.1f} GB are needed, {free / 1e9:.1f} GB are free"
    if free < needed:
        cure = "Free some, choose a smaller PLAUSCH_EMBEDDED_MODEL, or use a model server elsewhere."
        return [wrong("memory", f"{says}.", cure) if free < size else warning("memory", f"{says}.", cure)]
    return [well("memory", says)]
