from __future__ import annotations

import contextlib
import json
from typing import Any

import pytest
from aiohttp import web

from adapters.model_servers.openai import OpenAICompletions
from adapters.standins.openai import Flavour, StandInOpenAI
from adapters.standins.tgi import StandInTGI
from conversation.errors import (
    ModelServerError,
    ModelServerRefused,
    ModelServerUnreachable,
    PromptTooLong,
    StreamBroken,
)
from conversation.generation import Finish, FinishReason, Sampling, Token
from tests.support.model_servers import collect, saying, serving, shown, until_error

MODELS = saying("/v1/models", json.dumps({"data": [{"id": "one"}, {"id": "two", "max_model_len": 8192}]}))


def chunk(text: str, reason: str | None = None, **more: Any) -> str:
    return "data: " + json.dumps({"choices": [{"text": text, "finish_reason": reason}], **more}) + "\n\n"


@contextlib.asynccontextmanager
async def answering(stream: str, status: int = 200) -> Any:
    route = saying("/v1/completions", stream, method="POST", status=status)
    async with serving(MODELS, route) as url, contextlib.aclosing(OpenAICompletions(url)) as client:
        yield client


@pytest.mark.parametrize("end", ["", "/", "/v1", "/v1/"])
async def test_the_address_may_end_in_v1(end: str) -> None:
    async with StandInOpenAI() as server, contextlib.aclosing(OpenAICompletions(server.url + end)) as client:
        assert shown(await collect(client)).startswith("Du hast gefragt")
        assert (await client.describe()).window == 4096


async def test_only_what_is_set_is_sent_under_both_names() -> None:
    async with StandInOpenAI() as server, contextlib.aclosing(OpenAICompletions(server.url)) as client:
        await collect(client, "Hallo", Sampling(7))
        await collect(client, "Hallo", Sampling(7, 0.6, 40, 0.95, 1.2, ("</s>",)))

    base = {
        "model": "plausch-stand-in",
        "prompt": "Hallo",
        "max_tokens": 7,
        "stream": True,
        "stream_options": {"include_usage": True},
    }
    assert server.requests[0] == base
    assert server.requests[1] == base | {
        "temperature": 0.6,
        "top_k": 40,
        "top_p": 0.95,
        "repetition_penalty": 1.2,
        "repeat_penalty": 1.2,
        "stop": ["</s>"],
    }


async def test_the_model_that_was_asked_for_is_the_one_that_is_used() -> None:
    async with serving(MODELS) as url, contextlib.aclosing(OpenAICompletions(url, "two")) as client:
        assert (await client.describe()).name == "two"
        assert (await client.describe()).window == 8192
    async with StandInOpenAI() as server, contextlib.aclosing(OpenAICompletions(server.url, "other")) as client:
        _, error = await until_error(client)
        assert isinstance(error, ModelServerRefused)
        assert "The model `other` does not exist." in str(error)


async def test_another_model_served_there_is_found_again() -> None:
    async with StandInOpenAI() as server, contextlib.aclosing(OpenAICompletions(server.url)) as client:
        await collect(client)
        server.model = "new"
        assert isinstance((await until_error(client))[1], ModelServerRefused)
        await collect(client)

    assert server.requests[-1]["model"] == "new"


async def window_of(flavour: Flavour, setting: int | None) -> int:
    async with (
        StandInOpenAI(flavour=flavour, window=2048) as server,
        contextlib.aclosing(OpenAICompletions(server.url, window=setting)) as client,
    ):
        return (await client.describe()).window


async def test_the_window_is_the_servers_then_the_setting_then_a_small_one() -> None:
    assert await window_of(Flavour.LLAMA_CPP, 9000) == 2048
    assert await window_of(Flavour.PLAIN, 9000) == 9000
    assert await window_of(Flavour.PLAIN, None) == 4096


@pytest.mark.parametrize("models", ["<html>", "[]", '{"data": []}', '{"data": [1]}'])
async def test_a_server_without_models_is_told_with_the_cure(models: str) -> None:
    async with serving(saying("/v1/models", models)) as url, contextlib.aclosing(OpenAICompletions(url)) as client:
        with pytest.raises(ModelServerRefused, match="PLAUSCH_MODEL_SERVER=tgi"):
            await client.describe()
    async with StandInTGI() as tgi, contextlib.aclosing(OpenAICompletions(tgi.url)) as client:
        assert isinstance((await until_error(client))[1], ModelServerRefused)


async def test_usage_in_the_last_chunk_and_an_unknown_one_are_both_read() -> None:
    usage = {"prompt_tokens": 3, "completion_tokens": True}
    async with answering(chunk("a", usage=None) + chunk("", "stop", usage=usage) + "data: [DONE]\n\n") as client:
        assert await collect(client) == [Token("a"), Finish(FinishReason.END, 3, None)]


async def test_a_stream_that_is_cut_after_its_reason_is_whole() -> None:
    async with answering(chunk("a", "length")) as client:
        assert await collect(client) == [Token("a"), Finish(FinishReason.TOKENS)]


@pytest.mark.parametrize("end", [chunk("", "abort") + "data: [DONE]\n\n", "data: [DONE]\n\n", ""])
async def test_a_stream_without_a_good_reason_is_broken(end: str) -> None:
    async with answering(chunk("a") + end) as client:
        text, error = await until_error(client)

    assert text == "a"
    assert isinstance(error, StreamBroken)


@pytest.mark.parametrize(
    ("event", "kind"),
    [
        ('error: {"code":500,"message":"Compute error.","type":"server_error"}', StreamBroken),
        ('data: {"error":{"message":"This model\'s maximum context length is 4 tokens","code":400}}', PromptTooLong),
        ('data: {"error":"Context size has been exceeded."}', PromptTooLong),
        ("data: {}", StreamBroken),
        ('data: {"choices":1}', StreamBroken),
        ('data: {"choices":[1]}', StreamBroken),
        ('data: {"choices":[{"text":1}]}', StreamBroken),
    ],
)
async def test_an_error_in_the_stream_is_told_by_its_text(event: str, kind: type[ModelServerError]) -> None:
    async with answering(event + "\n\n") as client:
        assert isinstance((await until_error(client))[1], kind)


async def test_a_window_that_fills_up_in_mid_stream_breaks_the_stream() -> None:
    async with answering(chunk("a") + 'data: {"error":"Context size has been exceeded."}\n\n') as client:
        assert isinstance((await until_error(client))[1], StreamBroken)


@pytest.mark.parametrize(
    ("status", "body", "kind"),
    [
        (400, '{"object":"error","message":"maximum context length is 4","code":400}', PromptTooLong),
        (
            400,
            '{"message":"The input (9 tokens) is longer than the model\'s context length (4 tokens)."}',
            PromptTooLong,
        ),
        (400, '{"error":{"message":"too big","type":"exceed_context_size_error"}}', PromptTooLong),
        (400, '{"error":{"message":"top_p must be in (0, 1]"}}', ModelServerRefused),
        (500, "context length", StreamBroken),
        (503, '{"error":{"message":"Loading model"}}', ModelServerUnreachable),
    ],
)
async def test_a_refusal_is_told_by_status_and_text(status: int, body: str, kind: type[ModelServerError]) -> None:
    async with answering(body, status) as client:
        assert isinstance((await until_error(client))[1], kind)


@pytest.mark.parametrize(("status", "calls"), [(404, 2), (200, 2), (500, 4)])
async def test_only_a_server_that_may_still_learn_to_count_is_asked_again(status: int, calls: int) -> None:
    asked: list[Any] = []

    async def tokenize(request: web.Request) -> web.Response:
        asked.append(await request.json())
        return web.Response(text='{"error": "Unexpected endpoint or method."}', status=status)

    async with (
        serving(MODELS, web.post("/tokenize", tokenize)) as url,
        contextlib.aclosing(OpenAICompletions(url)) as client,
    ):
        assert [await client.count("Hallo, Welt!") for _ in range(4)] == [8] * 4
    assert len(asked) == calls


@pytest.mark.parametrize("flavour", [Flavour.VLLM, Flavour.LLAMA_CPP])
async def test_the_form_in_which_a_server_counts_is_learned_once(flavour: Flavour) -> None:
    async with (
        StandInOpenAI(flavour=flavour) as server,
        contextlib.aclosing(OpenAICompletions(server.url)) as client,
    ):
        counts = [await client.count(text) for text in ("eins", "eins zwei", "")]

    assert counts == [2, 3, 1]
    forms = [("prompt" in body) for body in server.tokenized]
    assert forms == ([True] * 3 if flavour is Flavour.VLLM else [True, False, False, False])
