"""text-generation-inference: huggingface_hub's request types and errors over a reader of our own.

Its client is not used for the calls. Streams: 46 µs a token against 9, a pool that makes the 101st stream wait without
limit, and 8 KB an answer that it never gives back (measured with 2.4.0). ``/info`` and ``/health``: without a key it
sends the Hugging Face token that is saved on the machine to whatever address is set, under ``HF_HUB_OFFLINE`` it
refuses every call, and it has no time limit.
"""

from __future__ import annotations

import re
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, TypeVar

from huggingface_hub import TextGenerationInput, TextGenerationInputGenerateParameters
from huggingface_hub.errors import (
    GenerationError,
    IncompleteGenerationError,
    OverloadedError,
    TextGenerationError,
    UnknownError,
    ValidationError,
)

from adapters.model_servers.counting import Counts, estimate
from adapters.model_servers.events import parse, whole
from adapters.model_servers.wire import Refused, Reply, Wire
from conversation.errors import (
    ModelServerError,
    ModelServerOverloaded,
    ModelServerRefused,
    ModelServerUnreachable,
    PromptTooLong,
    StreamBroken,
)
from conversation.generation import Finish, FinishReason, ModelDescription, Sampling, Token

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Mapping

_Number = TypeVar("_Number", int, float)

_COUNT_SECONDS = 5.0
# The router's default, --max-stop-sequences. What is left out is recognised on our side as well.
_MOST_STOPS = 4
_QUOTED = 300
_ERRORS: Mapping[str, type[TextGenerationError]] = {
    "validation": ValidationError,
    "overloaded": OverloadedError,
    "generation": GenerationError,
    "incomplete_generation": IncompleteGenerationError,
    # Since TGI 3; the hub's client knows it not yet.
    "incomplete_generation_stream": IncompleteGenerationError,
}
_TOO_LONG = re.compile(r"`inputs` tokens \+ `max_new_tokens` must be <=|`inputs` must have less than \d+ tokens")


class TGI:
    """A ``ModelServer`` at ``url``; ``key`` goes as bearer token.

    Nothing for ``first_token_seconds``, or later for ``idle_seconds``, counts as a lost connection.
    """

    def __init__(
        self, url: str, key: str | None = None, *, first_token_seconds: float = 120.0, idle_seconds: float = 60.0
    ) -> None:
        self._wire = Wire(url, key, first_token_seconds=first_token_seconds, idle_seconds=idle_seconds)
        self._counts = Counts()

    async def stream(self, prompt: str, sampling: Sampling) -> AsyncGenerator[Token | Finish, None]:
        """See ``ModelServer.stream``. The end token comes as a special one before ``Finish``."""
        try:
            events = await self._wire.stream("/generate_stream", _request(prompt, sampling))
        except Refused as refused:
            raise self._refusal(refused.reply) from refused
        complete = False
        try:
            while True:
                for payload in await events.more():
                    event = parse(payload)
                    yield _token(event)
                    if complete := bool(event.get("details")):
                        yield _finish(event["details"])
                        return
        finally:
            events.close(complete=complete)

    async def count(self, text: str) -> int:
        """The tokens that the server's tokenizer makes of it, the beginning token included; asked once for a text."""
        if (known := self._counts.get(text)) is not None:
            return known
        try:
            reply = await self._wire.ask("POST", "/tokenize", {"inputs": text}, _COUNT_SECONDS)
        except ModelServerError:
            return estimate(text)
        tokens = reply.json
        if reply.status != HTTPStatus.OK or not isinstance(tokens, list):
            return estimate(text)
        self._counts.put(text, len(tokens))
        return len(tokens)

    async def describe(self) -> ModelDescription:
        """From ``/info``, if ``/health`` agrees. Raises ``ModelServerRefused`` where the server is not TGI."""
        reply = await self._wire.ask("GET", "/info")
        if reply.status not in {HTTPStatus.OK, HTTPStatus.NOT_FOUND}:
            raise self._refusal(reply)
        info = reply.json
        try:
            # Up to version 2.2 the longest prompt was called max_input_length.
            longest = info["max_input_tokens"] if "max_input_tokens" in info else info["max_input_length"]
            description = ModelDescription(str(info["model_id"]), int(info["max_total_tokens"]), int(longest))
        except (LookupError, TypeError, ValueError) as error:
            raise self._no_tgi() from error
        health = await self._wire.ask("GET", "/health")
        if health.status != HTTPStatus.OK:
            raise ModelServerUnreachable(f"{self._wire.shown} is not ready (status {health.status}).")
        return description

    async def aclose(self) -> None:
        """Close all connections; streams under way break."""
        await self._wire.aclose()

    def _refusal(self, reply: Reply) -> ModelServerError:
        body = reply.json
        if isinstance(body, dict) and str(body.get("error_type")) in _ERRORS:
            return _ours(_hub_error(body))
        if reply.status in {HTTPStatus.NOT_FOUND, HTTPStatus.METHOD_NOT_ALLOWED}:
            return self._no_tgi()
        return self._wire.error(reply, reply.text)

    def _no_tgi(self) -> ModelServerRefused:
        return ModelServerRefused(
            f"{self._wire.shown} does not answer like text-generation-inference (no /info): check PLAUSCH_MODEL_URL, "
            "or set PLAUSCH_MODEL_SERVER=openai if it is vLLM, SGLang, llama.cpp or LM Studio."
        )


def _request(prompt: str, sampling: Sampling) -> dict[str, Any]:
    """The body, without what TGI refuses: zeros, and a ``top_p`` of 1.0, all of which mean "off" elsewhere."""
    # Without do_sample a temperature of 1.0 is taken as no sampling at all; 0 means exactly that, and any other
    # field of sampling would turn it on again.
    greedy = sampling.temperature is not None and sampling.temperature <= 0
    parameters = TextGenerationInputGenerateParameters(
        details=True,
        do_sample=None if sampling.temperature is None or greedy else True,
        max_new_tokens=sampling.answer_tokens,
        repetition_penalty=_positive(sampling.repetition_penalty),
        stop=list(sampling.stops[:_MOST_STOPS]) or None,
        temperature=_positive(sampling.temperature),
        top_k=None if greedy else _positive(sampling.top_k),
        top_p=sampling.top_p if sampling.top_p and 0 < sampling.top_p < 1 and not greedy else None,
    )
    body = TextGenerationInput(inputs=prompt, stream=True)
    # The router takes null only for some fields.
    return {"inputs": body.inputs, "parameters": _set(parameters), "stream": body.stream}


def _set(parameters: TextGenerationInputGenerateParameters) -> dict[str, Any]:
    return {name: value for name, value in parameters.items() if value is not None}


def _positive(value: _Number | None) -> _Number | None:
    return value if value is not None and value > 0 else None


def _token(event: Mapping[str, Any]) -> Token:
    try:
        token = event["token"]
        text, special = token["text"], token["special"]
    except (LookupError, TypeError) as error:
        if "error" in event:
            hub_error = _hub_error(event)
            raise _ours(hub_error) from hub_error
        raise StreamBroken("the model server sent an event without a token") from error
    if not isinstance(text, str):
        raise StreamBroken("the model server sent a token that is no text")
    return Token(text, special is True)


def _finish(details: object) -> Finish:
    if not isinstance(details, dict) or "finish_reason" not in details:
        raise StreamBroken("the model server sent an end that can't be read")
    reason = FinishReason.TOKENS if details["finish_reason"] == "length" else FinishReason.END
    return Finish(reason, whole(details.get("input_length")), whole(details.get("generated_tokens")))


def _hub_error(body: Mapping[str, Any]) -> TextGenerationError:
    """The error that huggingface_hub's client raises for this body."""
    kind = _ERRORS.get(str(body.get("error_type")), UnknownError)
    return kind(str(body.get("error"))[:_QUOTED])


def _ours(error: TextGenerationError) -> ModelServerError:
    match error:
        case ValidationError() if _TOO_LONG.search(str(error)):
            return PromptTooLong(str(error))
        case ValidationError():
            return ModelServerRefused(str(error))
        case OverloadedError():
            return ModelServerOverloaded(str(error))
        case _:
            return StreamBroken(str(error))
