"""Servers with OpenAI's ``/v1/completions``, given a rendered prompt: vLLM, SGLang, llama.cpp's server, LM Studio."""

from __future__ import annotations

import re
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from adapters.model_servers.events import Events, parse, whole
from adapters.model_servers.openai_tokenizer import Tokenizer
from adapters.model_servers.wire import Refused, Reply, Wire
from conversation.errors import (
    ModelServerError,
    ModelServerRefused,
    ModelServerUnreachable,
    PromptTooLong,
    StreamBroken,
)
from conversation.generation import Finish, FinishReason, ModelDescription, Sampling, Token

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Mapping

_UNKNOWN_WINDOW = 4096
_QUOTED = 300
_DONE = b"[DONE]"
_REASONS = {"stop": FinishReason.END, "length": FinishReason.TOKENS}
# vLLM: "maximum context length", "maximum model length"; SGLang: "the model's context length"; llama.cpp:
# "exceed_context_size_error", "available context size".
_TOO_LONG = re.compile(r"context.?(length|size|window)|maximum model length", re.IGNORECASE)


class OpenAICompletions:
    """A ``ModelServer`` at ``url``, with or without ``/v1`` at its end; ``key`` goes as bearer token.

    ``model`` is asked for by name (None: the first that the server lists). ``window`` in tokens is used where the
    server does not tell its own. Nothing for ``first_token_seconds``, or later for ``idle_seconds``, counts as a lost
    connection.
    """

    def __init__(  # noqa: PLR0913  # settings, each with its default
        self,
        url: str,
        model: str | None = None,
        key: str | None = None,
        window: int | None = None,
        *,
        first_token_seconds: float = 120.0,
        idle_seconds: float = 60.0,
    ) -> None:
        root = url.rstrip("/").removesuffix("/v1")
        self._wire = Wire(root, key, first_token_seconds=first_token_seconds, idle_seconds=idle_seconds)
        self._model = model
        self._first: str | None = None
        self._window = window
        self._tokenizer = Tokenizer(self._wire)

    async def stream(self, prompt: str, sampling: Sampling) -> AsyncGenerator[Token | Finish, None]:
        """See ``ModelServer.stream``. These servers keep special tokens and stop sequences to themselves."""
        model = await self._served()
        try:
            events = await self._wire.stream("/v1/completions", _request(prompt, sampling, model))
        except Refused as refused:
            # Perhaps another model is served there now.
            self._first = None
            raise self._refusal(refused.reply) from refused
        end = _End()
        try:
            while not end.complete:
                for payload in await end.more(events):
                    if token := end.read(payload):
                        yield token
        finally:
            events.close(complete=end.complete)
        yield end.finish()

    async def count(self, text: str) -> int:
        """By ``/tokenize`` in vLLM's or llama.cpp's form, asked once for a text; else an estimate."""
        return await self._tokenizer.count(text, self._model)

    async def describe(self) -> ModelDescription:
        """From ``/v1/models`` and ``/props``. Raises ``ModelServerRefused`` where the server has no such models."""
        # llama.cpp lists its model while it still loads it; LM Studio has no /health at all.
        if (await self._wire.ask("GET", "/health")).status == HTTPStatus.SERVICE_UNAVAILABLE:
            raise ModelServerUnreachable(f"{self._wire.shown} is still loading.")
        listed = await self._listed()
        window = whole(listed.get("max_model_len")) or await self._props_window() or self._window or _UNKNOWN_WINDOW
        return ModelDescription(self._model or str(listed["id"]), window, window - 1)

    async def aclose(self) -> None:
        """Close all connections; streams under way break."""
        await self._wire.aclose()

    async def _served(self) -> str:
        if self._model is None and self._first is None:
            self._first = str((await self._listed())["id"])
        return self._model or self._first or ""

    async def _listed(self) -> Mapping[str, Any]:
        """The model's own entry in the list, else the first one."""
        reply = await self._wire.ask("GET", "/v1/models")
        if reply.status not in {HTTPStatus.OK, HTTPStatus.NOT_FOUND}:
            raise self._refusal(reply)
        try:
            models = [model for model in reply.json["data"] if "id" in model]
            return next((model for model in models if model["id"] == self._model), models[0])
        except (LookupError, TypeError) as error:
            raise ModelServerRefused(
                f"{self._wire.shown} lists no model at /v1/models: check PLAUSCH_MODEL_URL, or set "
                "PLAUSCH_MODEL_SERVER=tgi if it is text-generation-inference."
            ) from error

    async def _props_window(self) -> int | None:
        """What one of llama.cpp's slots holds."""
        props = (await self._wire.ask("GET", "/props")).json
        settings = props.get("default_generation_settings") if isinstance(props, dict) else None
        return whole(settings.get("n_ctx")) if isinstance(settings, dict) else None

    def _refusal(self, reply: Reply) -> ModelServerError:
        text = _error_text(reply.json) or reply.text
        if reply.status == HTTPStatus.BAD_REQUEST and _TOO_LONG.search(text):
            return PromptTooLong(text)
        return self._wire.error(reply, text)


class _End:
    """How a stream ends: the reason comes with one event, the usage with the same or a later one, then ``[DONE]``."""

    def __init__(self) -> None:
        self.complete = False
        self._begun = False
        self._reason: str | None = None
        self._usage: Mapping[str, Any] = {}

    async def more(self, events: Events) -> list[bytes]:
        """The next payloads. What breaks after the reason is known takes nothing from the answer."""
        try:
            return await events.more()
        except ModelServerError:
            if self._reason is None:
                raise
            self.complete = True
            return []

    def read(self, payload: bytes) -> Token | None:
        """The payload's token, if it has one. Raises ``StreamBroken``, or ``PromptTooLong`` before all tokens."""
        if payload.strip() == _DONE:
            self.complete = True
            return None
        event = parse(payload)
        if "choices" not in event:
            raise self._error(event)
        if isinstance(usage := event.get("usage"), dict):
            self._usage = usage
        if not event["choices"]:
            return None
        try:
            choice = event["choices"][0]
            text, self._reason = choice["text"], choice.get("finish_reason") or self._reason
        except (LookupError, TypeError, AttributeError) as error:
            raise StreamBroken("the model server sent a choice that can't be read") from error
        if not isinstance(text, str):
            raise StreamBroken("the model server sent a token that is no text")
        self._begun = True
        return Token(text) if text else None

    def finish(self) -> Finish:
        """The end. Raises ``StreamBroken`` where no good reason was given (vLLM's and SGLang's ``abort``)."""
        if self._reason not in _REASONS:
            raise StreamBroken("the model server ended the stream without a reason")
        prompt, answer = self._usage.get("prompt_tokens"), self._usage.get("completion_tokens")
        return Finish(_REASONS[self._reason], whole(prompt), whole(answer))

    def _error(self, event: Mapping[str, Any]) -> ModelServerError:
        text = _error_text(event) or "the model server sent an event that is no part of an answer"
        return PromptTooLong(text) if _TOO_LONG.search(text) and not self._begun else StreamBroken(text)


def _request(prompt: str, sampling: Sampling, model: str) -> dict[str, Any]:
    """The body with the fields that are set, without zeros that mean "off" here and "wrong" there."""
    fields: dict[str, Any] = {
        "temperature": sampling.temperature,
        "top_k": sampling.top_k or None,
        "top_p": sampling.top_p or None,
        # vLLM and SGLang call it the first, llama.cpp and LM Studio the second; each passes over the other.
        "repetition_penalty": sampling.repetition_penalty or None,
        "repeat_penalty": sampling.repetition_penalty or None,
        "stop": list(sampling.stops) or None,
    }
    return {
        "model": model,
        "prompt": prompt,
        "max_tokens": sampling.answer_tokens,
        "stream": True,
        "stream_options": {"include_usage": True},
    } | {name: value for name, value in fields.items() if value is not None}


def _error_text(body: object) -> str:
    """What a server says of its error, kind and text: ``{"error": {…}}``, ``{"error": "…"}`` or the object itself."""
    error = body.get("error", body) if isinstance(body, dict) else None
    if isinstance(error, str):
        return error[:_QUOTED]
    if not isinstance(error, dict) or "message" not in error:
        return ""
    return f"{error['message']} ({error.get('type')})"[:_QUOTED]
