"""A stand-in for servers with OpenAI's completions: vLLM, llama.cpp's server, and a plain one (as LM Studio)."""

from __future__ import annotations

import json
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from aiohttp import web

from adapters.standins.model_server import StandInModelServer, compact
from adapters.standins.script import FaultKind, Reply, Written, input_tokens, pieces, say_which_question, write

if TYPE_CHECKING:
    from collections.abc import Iterator

_DEFAULT_ANSWER_TOKENS = 16
_ERRORS = {
    401: ("Invalid API Key", "authentication_error"),
    404: ("File Not Found", "not_found_error"),
    429: ("Too many requests", "rate_limit_error"),
    500: ("Compute error.", "server_error"),
    503: ("Loading model", "unavailable_error"),
}


class Flavour(StrEnum):
    """Which server it resembles, where they differ."""

    VLLM = "vllm"
    """``max_model_len`` in ``/v1/models``, ``/tokenize`` with ``prompt`` and ``count``, unknown models refused."""
    LLAMA_CPP = "llama.cpp"
    """``/props`` with ``n_ctx``, ``/tokenize`` with ``content`` and ``tokens``, usage in the last chunk."""
    PLAIN = "plain"
    """Only ``/v1/completions`` and ``/v1/models``."""


class StandInOpenAI(StandInModelServer):
    """Streams ``choices[0].text``, then the finish reason, usage where it was asked for, and ``[DONE]``.

    ``tokenized`` are the bodies that came to ``/tokenize``.
    """

    def __init__(
        self,
        reply: Reply = say_which_question,
        *,
        flavour: Flavour = Flavour.VLLM,
        window: int = 4096,
        key: str | None = None,
        port: int = 0,
    ) -> None:
        self.flavour = flavour
        self.window = window
        self.model = "plausch-stand-in"
        self.tokenized: list[dict[str, Any]] = []
        super().__init__(reply, key, "127.0.0.1", port, max_concurrent_requests=128)

    def routes(self) -> list[web.RouteDef]:
        """The routes of the server that it resembles."""
        routes = [web.post("/v1/completions", self._completions), web.get("/v1/models", self._models)]
        if self.flavour is not Flavour.PLAIN:
            routes += [web.post("/tokenize", self._tokenize), web.get("/health", self._health)]
        if self.flavour is Flavour.LLAMA_CPP:
            routes.append(web.get("/props", self._props))
        return routes

    def open_to_all(self, path: str) -> bool:
        """Nobody needs a key for the health of a server."""
        return path == "/health"

    def refusal(self, status: int) -> web.Response:
        """The error body that vLLM and llama.cpp share."""
        return _error(status, *_ERRORS.get(status, ("Error", "server_error")))

    async def _completions(self, request: web.Request) -> web.StreamResponse:
        body = json.loads(await request.read())
        self.requests.append(body)
        fault = self.next_fault()
        if fault and fault.kind is FaultKind.STATUS:
            return self.refusal(fault.status)
        if self.active >= self.max_concurrent_requests:
            return self.refusal(429)
        if refused := self._problem(body):
            return refused

        prompt = body["prompt"]
        limit = min(body.get("max_tokens", _DEFAULT_ANSWER_TOKENS), self.window - input_tokens(prompt))
        written = write(self.reply(prompt), limit, body.get("stop", ()))
        async with self.generation(prompt, body) as generation:
            if body.get("stream"):
                return await self.play(request, generation, self._frames(body, written), _FAILURE, fault)
            for _ in written.tokens:
                await self.pace.token()
            whole = _chunk(self.model, _shown(written), _reason(written)) | {"usage": _usage(prompt, written)}
            return _json_response(whole)

    def _problem(self, body: dict[str, Any]) -> web.Response | None:
        """What the server that it resembles would refuse."""
        if not isinstance(body.get("prompt"), str):
            return _error(400, '"prompt" must be a string', "invalid_request_error")
        tokens, answer = input_tokens(body["prompt"]), body.get("max_tokens", _DEFAULT_ANSWER_TOKENS)
        match self.flavour:
            case Flavour.VLLM if body.get("model", self.model) != self.model:
                return _error(404, f"The model `{body['model']}` does not exist.", "NotFoundError")
            case Flavour.VLLM if not 0 < body.get("top_p", 1.0) <= 1:
                return _error(400, f"top_p must be in (0, 1], got {body['top_p']}.", "BadRequestError")
            case Flavour.VLLM if tokens + answer > self.window:
                text = (
                    f"This model's maximum context length is {self.window} tokens. However, you requested "
                    f"{tokens + answer} tokens ({tokens} in the messages, {answer} in the completion). "
                    "Please reduce the length of the messages or completion."
                )
                return _error(400, text, "BadRequestError")
            case Flavour.LLAMA_CPP | Flavour.PLAIN if tokens >= self.window:
                text = "the request exceeds the available context size, try increasing it"
                return _error(400, text, "exceed_context_size_error")
        return None

    def _frames(self, body: dict[str, Any], written: Written) -> Iterator[str]:
        """One event a token; the last token's carries what ends the stream as well."""
        tokens = list(written.tokens) if not written.stop else pieces(_shown(written))
        for token in tokens:
            yield _data(_chunk(self.model, token, None))
        usage = _usage(body["prompt"], written)
        wanted = bool(body.get("stream_options", {}).get("include_usage"))
        end = _chunk(self.model, "", _reason(written))
        match self.flavour:
            case Flavour.LLAMA_CPP:
                yield _data(end | {"usage": usage}) + _DONE
            case _ if wanted:
                yield _data(end) + _data(_chunk(self.model, "", None) | {"choices": [], "usage": usage}) + _DONE
            case _:
                yield _data(end) + _DONE

    async def _models(self, _: web.Request) -> web.Response:
        model: dict[str, Any] = {"id": self.model, "object": "model", "owned_by": "plausch"}
        match self.flavour:
            case Flavour.VLLM:
                model["max_model_len"] = self.window
            case Flavour.LLAMA_CPP:
                # What the model was trained with, not what it runs with.
                model["meta"] = {"n_ctx_train": 32_768}
        return _json_response({"object": "list", "data": [model]})

    async def _tokenize(self, request: web.Request) -> web.Response:
        body = json.loads(await request.read())
        self.tokenized.append(body)
        if self.flavour is Flavour.LLAMA_CPP:
            text = body.get("content")
            # Without "content" llama.cpp finds nothing to cut, and says so with an empty list.
            return _json_response({"tokens": [] if text is None else _ids(text, begin=bool(body.get("add_special")))})
        if not isinstance(body.get("prompt"), str):
            return _error(400, "prompt: field required", "BadRequestError")
        ids = _ids(body["prompt"], begin=True)
        return _json_response({"count": len(ids), "max_model_len": self.window, "tokens": ids})

    async def _props(self, _: web.Request) -> web.Response:
        return _json_response({"default_generation_settings": {"n_ctx": self.window}, "total_slots": 1})

    async def _health(self, _: web.Request) -> web.Response:
        return _json_response({"status": "ok"})


def _json_response(value: object, status: int = 200) -> web.Response:
    return web.Response(text=compact(value), status=status, content_type="application/json")


def _error(status: int, text: str, kind: str) -> web.Response:
    return _json_response({"error": {"message": text, "type": kind, "code": status}}, status)


def _data(value: object) -> str:
    return f"data: {compact(value)}\n\n"


_DONE = "data: [DONE]\n\n"
_FAILURE = _data({"error": {"message": "Compute error.", "type": "server_error", "code": 500}})


def _ids(text: str, *, begin: bool) -> list[int]:
    return [1] * begin + [sum(piece.encode()) for piece in pieces(text)]


def _shown(written: Written) -> str:
    """These servers keep the stop sequence to themselves."""
    return written.text.split(written.stop)[0] if written.stop else written.text


def _reason(written: Written) -> str:
    return "length" if written.finish == "length" else "stop"


def _usage(prompt: str, written: Written) -> dict[str, int]:
    asked, answered = input_tokens(prompt), len(written.tokens)
    return {"prompt_tokens": asked, "completion_tokens": answered, "total_tokens": asked + answered}


def _chunk(model: str, text: str, reason: str | None) -> dict[str, Any]:
    choice = {"index": 0, "text": text, "logprobs": None, "finish_reason": reason}
    return {"id": "cmpl-1", "object": "text_completion", "created": 0, "model": model, "choices": [choice]}
