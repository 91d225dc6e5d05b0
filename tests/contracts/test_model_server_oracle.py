"""huggingface_hub's client against the same stand-in: our reader sees what it sees."""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING

import httpx2
import pytest
from huggingface_hub import AsyncInferenceClient
from huggingface_hub.errors import GenerationError, OverloadedError, TextGenerationError, ValidationError

from adapters.model_servers.tgi import TGI
from adapters.standins.script import Fault, FaultKind, Outcome
from adapters.standins.tgi import StandInTGI
from adapters.standins.tgi_validation import TGILimits
from conversation.errors import ModelServerOverloaded, ModelServerRefused, PromptTooLong, StreamBroken
from conversation.generation import Finish, FinishReason, Sampling, Token
from tests.support.model_servers import ANSWER, BOUND_SECONDS, collect, until_error

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, AsyncIterator

    from huggingface_hub import TextGenerationStreamOutput

SHORT = Sampling(answer_tokens=20)
OUR_REASONS = {"length": FinishReason.TOKENS, "eos_token": FinishReason.END, "stop_sequence": FinishReason.END}


@pytest.fixture
async def standin() -> AsyncIterator[StandInTGI]:
    async with StandInTGI(lambda _: [*ANSWER, " ä", "😀", " „x“"], limits=TGILimits(63, 64, 8)) as running:
        yield running


@pytest.fixture
async def hub(standin: StandInTGI) -> AsyncIterator[AsyncInferenceClient]:
    async with AsyncInferenceClient(base_url=standin.url, api_key="none") as client:
        yield client


@pytest.fixture
async def ours(standin: StandInTGI) -> AsyncIterator[TGI]:
    server = TGI(standin.url)
    yield server
    await server.aclose()


async def hub_stream(
    hub: AsyncInferenceClient, prompt: str, tokens: int = 20, stop: list[str] | None = None
) -> AsyncGenerator[TextGenerationStreamOutput, None]:
    stream = await hub.text_generation(prompt, stream=True, details=True, max_new_tokens=tokens, stop=stop)
    async with contextlib.aclosing(stream):  # type: ignore[type-var]  # the hub types its generator as an iterable
        async for event in stream:
            yield event


@pytest.mark.parametrize(
    ("tokens", "stop"), [(20, None), (3, None), (20, [" die"])], ids=["end token", "length", "stop sequence"]
)
async def test_both_see_the_same_tokens_and_the_same_end(
    hub: AsyncInferenceClient, ours: TGI, tokens: int, stop: list[str] | None
) -> None:
    theirs = [event async for event in hub_stream(hub, "Hallo, Welt!", tokens, stop)]
    sampling = Sampling(answer_tokens=tokens, stops=tuple(stop or ()))
    *our_tokens, finish = await collect(ours, "Hallo, Welt!", sampling)

    assert our_tokens == [Token(event.token.text, event.token.special) for event in theirs]
    details = theirs[-1].details
    assert details is not None
    assert finish == Finish(OUR_REASONS[details.finish_reason], details.input_length, details.generated_tokens)


async def error_of_the_hub(hub: AsyncInferenceClient, prompt: str = "Hallo") -> TextGenerationError:
    with pytest.raises(TextGenerationError) as caught:
        _ = [event async for event in hub_stream(hub, prompt)]
    return caught.value


async def test_a_refused_prompt_is_the_same_error_with_the_same_text(hub: AsyncInferenceClient, ours: TGI) -> None:
    theirs = await error_of_the_hub(hub, "")
    _, error = await until_error(ours, "", SHORT)

    assert isinstance(theirs, ValidationError)
    assert isinstance(error, ModelServerRefused)
    assert type(error.__cause__) is type(theirs)
    assert str(error) == str(theirs) == "Input validation error: `inputs` cannot be empty"


async def test_a_prompt_over_the_limit_is_the_same_error(hub: AsyncInferenceClient, ours: TGI) -> None:
    theirs = await error_of_the_hub(hub, "Wort " * 70)
    _, error = await until_error(ours, "Wort " * 70)

    assert isinstance(theirs, ValidationError)
    assert isinstance(error, PromptTooLong)
    assert isinstance(error.__cause__, ValidationError)


async def test_overload_is_the_same_error_in_the_stream_and_as_a_status(
    standin: StandInTGI, hub: AsyncInferenceClient, ours: TGI
) -> None:
    standin.faults.extend([Fault(FaultKind.STATUS, status=429)] * 2)
    for limit in (8, 0):
        standin.max_concurrent_requests = limit
        assert isinstance(await error_of_the_hub(hub), OverloadedError)
        _, error = await until_error(ours, "Hallo", SHORT)
        assert isinstance(error, ModelServerOverloaded)


async def test_an_error_in_mid_stream_is_the_same_error_with_the_same_text(
    standin: StandInTGI, hub: AsyncInferenceClient, ours: TGI
) -> None:
    standin.faults.extend([Fault(FaultKind.ERROR_EVENT, after=2)] * 2)

    theirs = await error_of_the_hub(hub)
    text, error = await until_error(ours, "Hallo", SHORT)

    assert isinstance(theirs, GenerationError)
    assert text == "Berlin ist"
    assert isinstance(error, StreamBroken)
    assert isinstance(error.__cause__, GenerationError)
    assert str(error) == str(theirs)


async def test_a_cut_connection_is_an_error_for_both(standin: StandInTGI, hub: AsyncInferenceClient, ours: TGI) -> None:
    standin.faults.extend([Fault(FaultKind.RESET, after=2)] * 2)

    with pytest.raises(httpx2.HTTPError):
        _ = [event async for event in hub_stream(hub, "Hallo")]
    assert isinstance((await until_error(ours, "Hallo", SHORT))[1], StreamBroken)


async def test_the_server_sees_at_once_that_either_hung_up(
    standin: StandInTGI, hub: AsyncInferenceClient, ours: TGI
) -> None:
    standin.pace.pause()
    for stream in (hub_stream(hub, "Hallo"), ours.stream("Hallo", SHORT)):
        standin.pace.step()
        async with asyncio.timeout(BOUND_SECONDS):
            await anext(stream)
            await stream.aclose()
            generation = await standin.arrivals.get()
            await generation.ended.wait()
        assert generation.outcome is Outcome.CANCELLED


async def test_the_hub_reads_the_stand_ins_description_and_health(standin: StandInTGI, ours: TGI) -> None:
    async with AsyncInferenceClient(base_url=standin.url, provider="hf-inference", api_key="none") as hub:
        info = await hub.get_endpoint_info()
        assert await hub.health_check()

    description = await ours.describe()
    assert (description.name, description.window) == (info["model_id"], info["max_total_tokens"])
    assert description.max_prompt == info["max_input_tokens"]
