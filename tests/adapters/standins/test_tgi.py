from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import aiohttp
import pytest

from adapters.standins.script import Fault, FaultKind, Outcome, input_tokens
from adapters.standins.tgi import StandInTGI
from adapters.standins.tgi_validation import TGILimits

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

ANSWER = ["Hallo", " Welt"]
VALIDATION_TEXTS = [
    ({"temperature": 0}, "`temperature` must be strictly positive"),
    ({"top_p": 1.0}, "`top_p` must be > 0.0 and < 1.0"),
    ({"top_p": 0.0}, "`top_p` must be > 0.0 and < 1.0"),
    ({"top_k": 0}, "`top_k` must be strictly positive"),
    ({"typical_p": 1.0}, "`typical_p` must be > 0.0 and < 1.0"),
    ({"repetition_penalty": 0}, "`repetition_penalty` must be strictly positive"),
    ({"frequency_penalty": 2.1}, "`frequency_penalty` must be >= -2.0 and <= 2.0"),
    ({"max_new_tokens": 0}, "`max_new_tokens` must be strictly positive"),
    (
        {"max_new_tokens": 19},
        "`inputs` tokens + `max_new_tokens` must be <= 20. Given: 2 `inputs` tokens and 19 `max_new_tokens`",
    ),
    ({"stop": ["a", "b", "c", "d", "e"]}, "`stop` supports up to 4 stop sequences. Given: 5"),
    ({"grammar": {"type": "json", "value": {}}}, "grammar is not valid: Grammar must have a 'properties' field"),
    (
        {"grammar": {"type": "json", "value": "{"}},
        "grammar is not valid: Expecting property name enclosed in double quotes: line 1 column 2 (char 1)",
    ),
    ({"grammar": {"type": "json", "value": 1}}, "grammar is not supported"),
]


@pytest.fixture
async def server() -> AsyncIterator[StandInTGI]:
    async with StandInTGI(lambda _: ANSWER, limits=TGILimits(max_input_tokens=10, max_total_tokens=20)) as running:
        yield running


@pytest.fixture
async def http(server: StandInTGI) -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession(server.url) as session:
        yield session


async def post(http: aiohttp.ClientSession, path: str, body: object) -> tuple[int, Any]:
    async with http.post(path, json=body) as response:
        return response.status, await response.json()


async def events(http: aiohttp.ClientSession, path: str, body: object) -> list[Any]:
    async with http.post(path, json=body) as response:
        assert response.status == 200
        lines = (await response.text()).split("\n\n")
    return [json.loads(line.removeprefix("data:")) for line in lines if line]


@pytest.mark.parametrize(("parameters", "text"), VALIDATION_TEXTS)
async def test_what_tgi_refuses_is_refused_in_its_words(
    http: aiohttp.ClientSession, parameters: dict[str, Any], text: str
) -> None:
    refusal = {"error": f"Input validation error: {text}", "error_type": "validation"}
    body = {"inputs": "Hallo", "parameters": parameters}

    assert await post(http, "/generate", body) == (422, refusal)
    assert await post(http, "/", body) == (422, refusal)
    assert await events(http, "/generate_stream", body) == [refusal]
    assert await events(http, "/", body | {"stream": True}) == [refusal]


@pytest.mark.parametrize(
    ("inputs", "text"),
    [
        ("", "`inputs` cannot be empty"),
        ("a b c d e f g h i j", "`inputs` must have less than 10 tokens. Given: 11"),
    ],
)
async def test_inputs_that_tgi_refuses_are_refused_in_its_words(
    http: aiohttp.ClientSession, inputs: str, text: str
) -> None:
    status, body = await post(http, "/generate", {"inputs": inputs, "parameters": {"max_new_tokens": 1}})

    assert (status, body["error"]) == (422, f"Input validation error: {text}")


async def test_best_of_is_refused_where_tokens_are_streamed_and_beyond_its_limit(http: aiohttp.ClientSession) -> None:
    body = {"inputs": "Hallo", "parameters": {"best_of": 3}}

    [streamed] = await events(http, "/generate_stream", body)
    assert streamed["error"].endswith("`best_of` != 1 is not supported when streaming tokens")
    [details] = await events(http, "/generate_stream", {"inputs": "a", "parameters": {"decoder_input_details": True}})
    assert details["error"].endswith("`decoder_input_details` == true is not supported when streaming tokens")
    assert (await post(http, "/generate", body))[1]["error"].endswith("`best_of` must be > 0 and <= 2. Given: 3")
    _, unsampled = await post(http, "/generate", {"inputs": "a", "parameters": {"best_of": 2}})
    assert unsampled["error"].endswith("you must use sampling when `best_of` is > 1")


@pytest.mark.parametrize(
    "body",
    [
        {"parameters": {}},
        {"inputs": 1},
        {"inputs": "a", "parameters": 1},
        {"inputs": "a", "parameters": {"stop": None}},
        {"inputs": "a", "parameters": {"do_sample": None}},
        {"inputs": "a", "parameters": {"max_new_tokens": -1}},
        {"inputs": "a", "parameters": {"temperature": "warm"}},
        {"inputs": "a", "parameters": {"top_k": True}},
    ],
)
async def test_a_body_of_another_shape_does_not_get_to_the_validation(
    http: aiohttp.ClientSession, body: dict[str, Any]
) -> None:
    async with http.post("/generate_stream", json=body) as response:
        assert response.status == 422
        assert (await response.text()).startswith("Failed to deserialize the JSON body into the target type: ")


@pytest.mark.parametrize(
    "grammar",
    [
        None,
        {"type": "regex", "value": "[0-9]+"},
        {"type": "json", "value": {"properties": {}}},
        {"type": "json", "value": '{"properties": {}}'},
    ],
)
async def test_a_good_grammar_is_taken(http: aiohttp.ClientSession, grammar: dict[str, Any] | None) -> None:
    status, _ = await post(http, "/generate", {"inputs": "Hallo", "parameters": {"grammar": grammar}})

    assert status == 200


async def test_what_is_no_json_is_a_bad_request(http: aiohttp.ClientSession) -> None:
    async with http.post("/generate", data=b"{") as response:
        assert response.status == 400


async def test_the_end_token_is_an_event_of_its_own_and_carries_the_whole(http: aiohttp.ClientSession) -> None:
    first, second, last = await events(http, "/generate_stream", {"inputs": "Hi", "parameters": {"details": True}})

    assert (first["index"], first["token"]["text"], first["token"]["special"]) == (1, "Hallo", False)
    assert (first["generated_text"], first["details"]) == (None, None)
    assert second["token"]["text"] == " Welt"
    assert (last["token"]["text"], last["token"]["special"], last["token"]["id"]) == ("</s>", True, 2)
    assert last["generated_text"] == "Hallo Welt"
    assert last["details"] == {"finish_reason": "eos_token", "generated_tokens": 3, "seed": 42, "input_length": 2}


async def test_details_come_only_if_asked_for(http: aiohttp.ClientSession) -> None:
    last = (await events(http, "/generate_stream", {"inputs": "Hi"}))[-1]

    assert last["generated_text"] == "Hallo Welt"
    assert last["details"] is None
    assert await post(http, "/generate", {"inputs": "Hi"}) == (200, {"generated_text": "Hallo Welt"})


async def test_the_root_answers_whole_in_a_list_and_the_other_route_without(
    http: aiohttp.ClientSession, server: StandInTGI
) -> None:
    body = {"inputs": "Hi", "parameters": {"details": True, "return_full_text": True, "max_new_tokens": 1}}

    status, [listed] = await post(http, "/", body)
    assert status == 200
    assert listed["generated_text"] == "HiHallo"
    assert listed["details"]["finish_reason"] == "length"
    assert [token["text"] for token in listed["details"]["tokens"]] == ["Hallo"]
    assert (await post(http, "/generate", body))[1] == listed
    assert server.requests[0] == {"inputs": "Hi", "parameters": body["parameters"], "stream": False}
    assert server.generations[0].outcome is Outcome.DONE


async def test_a_stop_sequence_stays_in_the_text_as_with_tgi(http: aiohttp.ClientSession) -> None:
    body = {"inputs": "Hi", "parameters": {"details": True, "stop": ["o W"]}}

    last = (await events(http, "/generate_stream", body))[-1]

    assert (last["generated_text"], last["details"]["finish_reason"]) == ("Hallo Welt", "stop_sequence")


async def test_tokens_and_input_length_agree_and_cover_the_text(http: aiohttp.ClientSession) -> None:
    text = "Größe: 3 €"
    status, tokens = await post(http, "/tokenize", {"inputs": text})

    assert status == 200
    assert len(tokens) == input_tokens(text)
    assert "".join(token["text"] for token in tokens) == text
    assert (tokens[0]["id"], tokens[0]["start"], tokens[0]["stop"]) == (1, 0, 0)
    for token in tokens[1:]:
        assert text.encode()[token["start"] : token["stop"]].decode() == token["text"]
    async with http.post("/tokenize", json={"text": text}) as refused:
        assert refused.status == 422


async def test_beyond_its_places_the_server_is_overloaded_at_once(
    http: aiohttp.ClientSession, server: StandInTGI
) -> None:
    server.max_concurrent_requests = 1
    server.pace.pause()
    overloaded = {"error": "Model is overloaded", "error_type": "overloaded"}
    async with http.post("/generate_stream", json={"inputs": "Hi"}):
        assert await post(http, "/generate", {"inputs": "Hi"}) == (429, overloaded)
        assert await events(http, "/generate_stream", {"inputs": "Hi"}) == [overloaded]


async def test_the_server_describes_itself_and_its_load(http: aiohttp.ClientSession, server: StandInTGI) -> None:
    await post(http, "/generate", {"inputs": "Hi"})
    async with http.get("/info") as response:
        info = await response.json()
    async with http.get("/metrics") as response:
        metrics = (await response.text()).splitlines()
    async with http.get("/health") as response:
        assert (response.status, await response.text()) == (200, "")

    assert (info["max_input_tokens"], info["max_total_tokens"], info["model_id"]) == (10, 20, server.model_id)
    assert {"tgi_request_count 1", "tgi_request_success 1", "tgi_batch_current_size 0"} <= set(metrics)


async def test_a_scripted_status_comes_with_tgis_body(http: aiohttp.ClientSession, server: StandInTGI) -> None:
    server.faults.append(Fault(FaultKind.STATUS, status=424))

    status, body = await post(http, "/generate_stream", {"inputs": "Hi"})

    assert (status, body["error_type"]) == (424, "generation")
    server.loading = True
    async with http.get("/health") as response:
        assert (response.status, await response.json()) == (503, {"error": "unhealthy", "error_type": "healthcheck"})
