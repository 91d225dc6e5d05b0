from __future__ import annotations

from typing import Any

import aiohttp
import pytest

from adapters.standins.openai import Flavour, StandInOpenAI
from adapters.standins.script import input_tokens

ANSWER = ["Hallo", " Welt"]
VLLM_TEXT = (
    "This model's maximum context length is 20 tokens. However, you requested 21 tokens (2 in the messages, 19 in "
    "the completion). Please reduce the length of the messages or completion."
)


async def post(server: StandInOpenAI, path: str, body: object) -> tuple[int, Any]:
    async with aiohttp.ClientSession(server.url) as http, http.post(path, json=body) as response:
        return response.status, await response.json()


async def get(server: StandInOpenAI, path: str) -> tuple[int, Any]:
    async with aiohttp.ClientSession(server.url) as http, http.get(path) as response:
        return response.status, await response.json(content_type=None) if response.status == 200 else None


def standin(flavour: Flavour) -> StandInOpenAI:
    return StandInOpenAI(lambda _: ANSWER, flavour=flavour, window=20)


async def lines(server: StandInOpenAI, body: dict[str, Any]) -> list[str]:
    async with aiohttp.ClientSession(server.url) as http, http.post("/v1/completions", json=body) as response:
        return [line.removeprefix("data: ") for line in (await response.text()).split("\n\n") if line]


@pytest.mark.parametrize("flavour", Flavour)
async def test_an_answer_can_be_had_whole(flavour: Flavour) -> None:
    async with standin(flavour) as server:
        status, body = await post(server, "/v1/completions", {"prompt": "Hi", "max_tokens": 9})

    assert (status, body["choices"][0]["text"]) == (200, "Hallo Welt")
    assert body["choices"][0]["finish_reason"] == "stop"
    assert body["usage"] == {"prompt_tokens": 2, "completion_tokens": 2, "total_tokens": 4}


async def test_usage_comes_where_it_was_asked_for_and_done_is_last() -> None:
    body = {"prompt": "Hi", "stream": True}
    async with standin(Flavour.VLLM) as server:
        plain = await lines(server, body)
        counted = await lines(server, body | {"stream_options": {"include_usage": True}})

    assert plain[-1] == counted[-1] == "[DONE]"
    assert not any("usage" in line for line in plain)
    assert '"choices":[],"usage":{' in counted[-2]


async def test_too_long_a_prompt_is_refused_in_each_servers_words() -> None:
    async with standin(Flavour.VLLM) as vllm:
        status, body = await post(vllm, "/v1/completions", {"prompt": "Hi", "max_tokens": 19})
        assert (status, body["error"]["message"]) == (400, VLLM_TEXT)
    async with standin(Flavour.LLAMA_CPP) as llama:
        status, body = await post(llama, "/v1/completions", {"prompt": "a " * 20, "max_tokens": 1})
        assert (status, body["error"]["type"]) == (400, "exceed_context_size_error")
        assert (await post(llama, "/v1/completions", {"prompt": "Hi", "max_tokens": 19}))[0] == 200


async def test_vllm_refuses_unknown_models_and_a_top_p_of_zero() -> None:
    async with standin(Flavour.VLLM) as server:
        assert (await post(server, "/v1/completions", {"prompt": "Hi", "model": "other"}))[0] == 404
        assert (await post(server, "/v1/completions", {"prompt": "Hi", "top_p": 0.0}))[0] == 400
        assert (await post(server, "/v1/completions", {"model": server.model}))[0] == 400


async def test_each_server_tells_its_window_and_counts_in_its_own_way() -> None:
    text = "Hallo, Welt"
    async with standin(Flavour.VLLM) as vllm:
        assert (await get(vllm, "/v1/models"))[1]["data"][0]["max_model_len"] == 20
        assert (await post(vllm, "/tokenize", {"prompt": text}))[1]["count"] == input_tokens(text)
        assert (await post(vllm, "/tokenize", {"content": text}))[0] == 400
    async with standin(Flavour.LLAMA_CPP) as llama:
        assert "max_model_len" not in (await get(llama, "/v1/models"))[1]["data"][0]
        assert (await get(llama, "/props"))[1]["default_generation_settings"]["n_ctx"] == 20
        counted = await post(llama, "/tokenize", {"content": text, "add_special": True})
        assert len(counted[1]["tokens"]) == input_tokens(text)
        assert len((await post(llama, "/tokenize", {"content": text}))[1]["tokens"]) == input_tokens(text) - 1
        assert (await post(llama, "/tokenize", {"prompt": text}))[1] == {"tokens": []}
    async with standin(Flavour.PLAIN) as plain:
        assert (await get(plain, "/health"))[0] == 404
        assert (await get(plain, "/props"))[0] == 404
