"""A stand-in for text-generation-inference: its routes, events, errors and refusals, with scripted answers."""

from __future__ import annotations

import json
import zlib
from typing import TYPE_CHECKING, Any

from aiohttp import web

from adapters.standins.model_server import StandInModelServer, compact
from adapters.standins.script import (
    END_TOKEN,
    FaultKind,
    Outcome,
    Reply,
    Written,
    input_tokens,
    pieces,
    say_which_question,
    write,
)
from adapters.standins.tgi_validation import Invalid, Malformed, TGILimits, check, read

if TYPE_CHECKING:
    from collections.abc import Iterator

_SEED = 42
_VOCABULARY = 32_000
_STATUS_OF = {"validation": 422, "generation": 424, "overloaded": 429, "incomplete_generation": 500}
_ERRORS = {
    424: ("Request failed during generation: out of memory", "generation"),
    429: ("Model is overloaded", "overloaded"),
    500: ("Incomplete generation", "incomplete_generation"),
    503: ("unhealthy", "healthcheck"),
}


class StandInTGI(StandInModelServer):
    """Answers like TGI's router: what it refuses inside a stream comes as the stream's only event, status 200."""

    def __init__(
        self,
        reply: Reply = say_which_question,
        *,
        limits: TGILimits | None = None,
        key: str | None = None,
        host: str = "127.0.0.1",
        port: int = 0,
    ) -> None:
        self.limits = limits or TGILimits()
        self.model_id = "plausch/stand-in"
        super().__init__(reply, key, host, port, self.limits.max_concurrent_requests)

    def routes(self) -> list[web.RouteDef]:
        """TGI's routes, as far as they are needed here."""
        return [
            web.post("/", self._compat),
            web.post("/generate", self._whole),
            web.post("/generate_stream", self._streamed),
            web.post("/tokenize", self._tokenize),
            web.get("/info", self._info),
            web.get("/health", self._health),
            web.get("/metrics", self._metrics),
        ]

    def open_to_all(self, path: str) -> bool:
        """Only these are outside the router's authorization layer."""
        return path in {"/info", "/health", "/metrics"}

    def refusal(self, status: int) -> web.Response:
        """TGI's error body; what it has none for stays empty."""
        if status not in _ERRORS:
            return web.Response(status=status)
        return _error(*_ERRORS[status], status=status)

    async def _compat(self, request: web.Request) -> web.StreamResponse:
        body = await _json(request)
        if isinstance(body, dict) and body.get("stream") is True:
            return await self._answer(request, body, streaming=True)
        return await self._answer(request, body, streaming=False, in_list=True)

    async def _whole(self, request: web.Request) -> web.StreamResponse:
        return await self._answer(request, await _json(request), streaming=False)

    async def _streamed(self, request: web.Request) -> web.StreamResponse:
        return await self._answer(request, await _json(request), streaming=True)

    async def _answer(
        self, request: web.Request, body: object, *, streaming: bool, in_list: bool = False
    ) -> web.StreamResponse:
        try:
            inputs, parameters, _ = read(body)
        except Malformed as problem:
            text = f"Failed to deserialize the JSON body into the target type: {problem}"
            return web.Response(status=422, text=text)
        self.requests.append({"inputs": inputs, "parameters": parameters, "stream": streaming})
        fault = self.next_fault()
        if fault and fault.kind is FaultKind.STATUS:
            return self.refusal(fault.status)
        if self.active >= self.max_concurrent_requests:
            return _refused(*_ERRORS[429], streaming=streaming)
        try:
            limit = check(inputs, parameters, self.limits, streaming=streaming)
        except Invalid as problem:
            return _refused(f"Input validation error: {problem}", "validation", streaming=streaming)

        written = write(self.reply(inputs), limit, parameters.get("stop", ()))
        async with self.generation(inputs, self.requests[-1]) as generation:
            if streaming:
                frames = _frames(inputs, written, details=bool(parameters.get("details")))
                return await self.play(request, generation, frames, _event_of_error(*_ERRORS[424]), fault)
            for _ in _with_end(written):
                await self.pace.token()
                generation.tokens += 1
            whole = _whole_answer(inputs, parameters, written)
            return _json_response([whole] if in_list else whole)

    async def _tokenize(self, request: web.Request) -> web.StreamResponse:
        try:
            text, _, _ = read(await _json(request))
        except Malformed as problem:
            return web.Response(status=422, text=str(problem))
        tokens: list[dict[str, Any]] = [{"id": 1, "text": "", "start": 0, "stop": 0}]
        start = 0
        for piece in pieces(text):
            stop = start + len(piece.encode())
            tokens.append({"id": _id(piece), "text": piece, "start": start, "stop": stop})
            start = stop
        return _json_response(tokens)

    async def _info(self, _: web.Request) -> web.Response:
        return _json_response(
            {
                "model_id": self.model_id,
                "model_sha": None,
                "model_pipeline_tag": "text-generation",
                "max_concurrent_requests": self.limits.max_concurrent_requests,
                "max_best_of": self.limits.max_best_of,
                "max_stop_sequences": self.limits.max_stop_sequences,
                "max_input_tokens": self.limits.max_input_tokens,
                "max_total_tokens": self.limits.max_total_tokens,
                "validation_workers": 2,
                "max_client_batch_size": 4,
                "router": "text-generation-router",
                "version": "3.3.7",
                "sha": None,
                "docker_label": None,
            }
        )

    async def _health(self, _: web.Request) -> web.Response:
        return web.Response()

    async def _metrics(self, _: web.Request) -> web.Response:
        lines = (
            f"tgi_request_count {len(self.requests)}",
            f"tgi_request_success {sum(generation.outcome is Outcome.DONE for generation in self.generations)}",
            "tgi_queue_size 0",
            f"tgi_batch_current_size {self.active}",
        )
        return web.Response(text="\n".join(lines) + "\n")


async def _json(request: web.Request) -> object:
    try:
        return json.loads(await request.read())
    except ValueError as error:
        raise web.HTTPBadRequest(text="Failed to parse the request body as JSON") from error


def _json_response(value: object, status: int = 200) -> web.Response:
    return web.Response(text=compact(value), status=status, content_type="application/json")


def _error(text: str, kind: str, *, status: int) -> web.Response:
    return _json_response({"error": text, "error_type": kind}, status)


def _event_of_error(text: str, kind: str) -> str:
    return f"data:{compact({'error': text, 'error_type': kind})}\n\n"


def _refused(text: str, kind: str, *, streaming: bool) -> web.Response:
    """The router has sent status 200 before it looks at a streaming request (server.rs, generate_stream)."""
    if streaming:
        return web.Response(text=_event_of_error(text, kind), content_type="text/event-stream")
    return _error(text, kind, status=_STATUS_OF[kind])


def _id(token: str) -> int:
    return zlib.crc32(token.encode()) % _VOCABULARY


def _token(text: str, *, special: bool) -> dict[str, Any]:
    return {"id": 2 if special else _id(text), "text": text, "logprob": -0.5, "special": special}


def _with_end(written: Written) -> list[dict[str, Any]]:
    tokens = [_token(text, special=False) for text in written.tokens]
    if written.finish == "eos_token":
        tokens.append(_token(END_TOKEN, special=True))
    return tokens


def _frames(inputs: str, written: Written, *, details: bool) -> Iterator[str]:
    tokens = _with_end(written)
    for index, token in enumerate(tokens, start=1):
        event = {"index": index, "token": token, "generated_text": None, "details": None}
        if index == len(tokens):
            event["generated_text"] = written.text
            if details:
                event["details"] = _details(written) | {"input_length": input_tokens(inputs)}
        yield f"data:{compact(event)}\n\n"


def _details(written: Written) -> dict[str, Any]:
    return {"finish_reason": written.finish, "generated_tokens": len(_with_end(written)), "seed": _SEED}


def _whole_answer(inputs: str, parameters: dict[str, Any], written: Written) -> dict[str, Any]:
    text = inputs + written.text if parameters.get("return_full_text") else written.text
    whole: dict[str, Any] = {"generated_text": text}
    if parameters.get("details"):
        whole["details"] = _details(written) | {"prefill": [], "tokens": _with_end(written)}
    return whole
