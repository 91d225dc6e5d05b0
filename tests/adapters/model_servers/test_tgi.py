from __future__ import annotations

import contextlib
import json
from typing import Any

import pytest

from adapters.model_servers.tgi import TGI
from adapters.standins.openai import StandInOpenAI
from adapters.standins.tgi import StandInTGI
from conversation.errors import ModelServerRefused, ModelServerUnreachable, PromptTooLong, StreamBroken
from conversation.generation import Sampling, Token
from tests.support.model_servers import collect, saying, serving, until_error


async def parameters(sampling: Sampling) -> dict[str, Any]:
    async with StandInTGI() as server, contextlib.aclosing(TGI(server.url + "/")) as client:
        await collect(client, "Hallo", sampling)
        return dict(server.requests[0]["parameters"])


async def test_only_what_is_set_is_sent() -> None:
    assert await parameters(Sampling(answer_tokens=7)) == {"details": True, "max_new_tokens": 7}


async def test_a_temperature_turns_sampling_on() -> None:
    sent = await parameters(Sampling(7, temperature=1.0, top_k=40, top_p=0.95, repetition_penalty=1.2, stops=("</s>",)))

    assert sent == {
        "details": True,
        "do_sample": True,
        "max_new_tokens": 7,
        "temperature": 1.0,
        "top_k": 40,
        "top_p": 0.95,
        "repetition_penalty": 1.2,
        "stop": ["</s>"],
    }


async def test_a_temperature_of_zero_turns_all_sampling_off() -> None:
    sent = await parameters(Sampling(7, temperature=0.0, top_k=40, top_p=0.5))

    assert sent == {"details": True, "max_new_tokens": 7}


async def test_more_stops_than_tgi_takes_are_left_to_our_side() -> None:
    assert (await parameters(Sampling(stops=tuple("abcdef"))))["stop"] == ["a", "b", "c", "d"]


async def test_another_kind_of_server_is_told_with_the_cure() -> None:
    async with StandInOpenAI() as other, contextlib.aclosing(TGI(other.url)) as client:
        with pytest.raises(ModelServerRefused, match="PLAUSCH_MODEL_SERVER=openai"):
            await client.describe()
        _, error = await until_error(client)
        assert isinstance(error, ModelServerRefused)
        assert "PLAUSCH_MODEL_SERVER=openai" in str(error)


@pytest.mark.parametrize("info", ["<html>", "[]", "{}", '{"model_id": "x", "max_total_tokens": null}'])
async def test_a_page_in_place_of_the_description_is_not_tgi(info: str) -> None:
    async with serving(saying("/info", info)) as url, contextlib.aclosing(TGI(url)) as client:
        with pytest.raises(ModelServerRefused, match="does not answer like text-generation-inference"):
            await client.describe()


async def test_the_longest_prompt_had_another_name_in_older_versions() -> None:
    info = {"model_id": "old", "max_total_tokens": 100, "max_input_length": 60}
    async with (
        serving(saying("/info", json.dumps(info)), saying("/health", "")) as url,
        contextlib.aclosing(TGI(url)) as client,
    ):
        assert (await client.describe()).max_prompt == 60


async def test_a_router_whose_model_is_down_is_not_ready() -> None:
    info = {"model_id": "x", "max_total_tokens": 100, "max_input_tokens": 60}
    async with (
        serving(saying("/info", json.dumps(info)), saying("/health", "", status=503)) as url,
        contextlib.aclosing(TGI(url)) as client,
    ):
        with pytest.raises(ModelServerUnreachable):
            await client.describe()


@pytest.mark.parametrize(
    "event",
    [
        "[1]",
        "{}",
        '{"token": 1}',
        '{"token": {"text": 1, "special": false}}',
        '{"token": {"text": "a", "special": false}, "details": 1}',
        "[" * 100_000,
    ],
)
async def test_events_of_another_shape_break_the_stream(event: str) -> None:
    route = saying("/generate_stream", f"data:{event}\n\n", method="POST")
    async with serving(route) as url, contextlib.aclosing(TGI(url)) as client:
        assert isinstance((await until_error(client))[1], StreamBroken)


async def test_counts_of_another_shape_are_left_out() -> None:
    end = {"finish_reason": "eos_token", "input_length": "many", "generated_tokens": -1}
    event = json.dumps({"token": {"text": "a", "special": 0}, "details": end})
    route = saying("/generate_stream", f"data: {event}\r\n\r\n", method="POST")
    async with serving(route) as url, contextlib.aclosing(TGI(url)) as client:
        token, finish = await collect(client)

    assert token == Token("a")
    assert (finish.prompt_tokens, finish.answer_tokens) == (None, None)  # type: ignore[union-attr]  # it is the end


async def test_a_count_that_is_none_becomes_an_estimate() -> None:
    async with (
        serving(saying("/tokenize", "{}", method="POST")) as url,
        contextlib.aclosing(TGI(url)) as client,
    ):
        assert await client.count("Hallo, Welt!") == 8


@pytest.mark.parametrize(
    ("status", "body", "kind"),
    [
        (413, "length limit exceeded", PromptTooLong),
        (502, "<html>", ModelServerUnreachable),
        (504, "", ModelServerUnreachable),
        (500, "", StreamBroken),
        (424, '{"error": "out of memory", "error_type": "generation"}', StreamBroken),
        (422, "Failed to deserialize", ModelServerRefused),
        (400, '{"error_type": ["validation"]}', ModelServerRefused),
    ],
)
async def test_a_status_without_tgis_body_is_told_by_its_number(status: int, body: str, kind: type[Exception]) -> None:
    route = saying("/generate_stream", body, method="POST", status=status)
    async with serving(route) as url, contextlib.aclosing(TGI(url)) as client:
        assert isinstance((await until_error(client))[1], kind)


async def test_a_password_in_the_address_stays_out_of_errors() -> None:
    async with contextlib.aclosing(TGI("http://name:secret@127.0.0.1:1")) as client:
        with pytest.raises(ModelServerUnreachable) as caught:
            await client.describe()

    assert "secret" not in str(caught.value)
    assert "127.0.0.1:1" in str(caught.value)
