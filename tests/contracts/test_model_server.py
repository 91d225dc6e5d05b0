from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING

import pytest

from adapters.standins.script import Fault, FaultKind, Outcome, input_tokens
from conversation.errors import (
    ModelServerOverloaded,
    ModelServerRefused,
    ModelServerUnreachable,
    PromptTooLong,
    StreamBroken,
)
from conversation.generation import Finish, FinishReason, Sampling, Token
from tests.support.model_servers import (
    ANSWER,
    BOUND_SECONDS,
    Kind,
    Pair,
    client,
    collect,
    paired,
    shown,
    standin,
    until_error,
)

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

PROMPT = "Du bist hilfreich. USER: Wie heißt die Hauptstadt? ASSISTANT:"


@pytest.fixture(params=list(Kind))
async def pair(request: pytest.FixtureRequest) -> AsyncIterator[Pair]:
    async with paired(request.param) as both:
        yield both


async def test_an_answer_comes_token_by_token_and_then_its_end_with_both_counts(pair: Pair) -> None:
    *tokens, finish = await collect(pair.server, PROMPT)

    assert [token.text for token in tokens if isinstance(token, Token) and not token.special] == ANSWER
    assert isinstance(finish, Finish)
    assert finish.reason is FinishReason.END
    assert finish.prompt_tokens == input_tokens(PROMPT)
    assert finish.answer_tokens is not None
    assert finish.answer_tokens >= len(ANSWER)


async def test_the_prompt_goes_out_to_the_letter(pair: Pair) -> None:
    await collect(pair.server, PROMPT + "ä😀\n</s>")

    assert pair.standin.generations[0].prompt == PROMPT + "ä😀\n</s>"


async def test_an_answer_that_used_its_tokens_up_says_so(pair: Pair) -> None:
    events = await collect(pair.server, sampling=Sampling(answer_tokens=3))

    assert shown(events) == "Berlin ist die"
    assert isinstance(events[-1], Finish)
    assert events[-1].reason is FinishReason.TOKENS


async def test_a_stop_sequence_ends_the_answer_like_the_end_token(pair: Pair) -> None:
    events = await collect(pair.server, sampling=Sampling(stops=(" die",)))

    assert shown(events).removesuffix(" die") == "Berlin ist"
    assert isinstance(events[-1], Finish)
    assert events[-1].reason is FinishReason.END


async def test_zeros_and_ones_that_mean_off_are_taken(pair: Pair) -> None:
    off = Sampling(temperature=0.0, top_k=0, top_p=1.0, repetition_penalty=0.0, stops=tuple("abcdef"))

    assert (await collect(pair.server, "Hallo", off))[-1] is not None
    assert (await collect(pair.server, "Hallo", Sampling(top_p=0.0)))[-1] is not None


async def test_a_prompt_that_does_not_fit_is_told_from_other_refusals(pair: Pair) -> None:
    text, error = await until_error(pair.server, "Wort " * 5000)

    assert text == ""
    assert isinstance(error, PromptTooLong)


async def test_a_server_with_too_much_to_do_says_so(pair: Pair) -> None:
    pair.standin.faults.append(Fault(FaultKind.STATUS, status=429))
    _, error = await until_error(pair.server)
    assert isinstance(error, ModelServerOverloaded)

    pair.standin.max_concurrent_requests = 0
    _, error = await until_error(pair.server)
    assert isinstance(error, ModelServerOverloaded)


async def test_a_server_that_still_loads_is_waited_for(pair: Pair) -> None:
    pair.standin.loading = True

    _, error = await until_error(pair.server)
    assert isinstance(error, ModelServerUnreachable)
    with pytest.raises(ModelServerUnreachable):
        await pair.server.describe()

    pair.standin.loading = False
    assert shown(await collect(pair.server)) == "".join(ANSWER)
    assert (await pair.server.describe()).window == 4096


@pytest.mark.parametrize("kind", Kind)
async def test_where_nobody_listens_the_server_is_unreachable_and_counts_are_estimates(kind: Kind) -> None:
    async with standin(kind) as gone:
        url = gone.url

    async with contextlib.aclosing(client(kind, url)) as server:
        _, error = await until_error(server)
        assert isinstance(error, ModelServerUnreachable)
        with pytest.raises(ModelServerUnreachable):
            await server.describe()
        assert await server.count(PROMPT) >= input_tokens(PROMPT)


@pytest.mark.parametrize("kind", [FaultKind.DROP, FaultKind.RESET, FaultKind.END_EARLY])
async def test_a_connection_lost_before_the_first_token_was_no_answer_at_all(pair: Pair, kind: FaultKind) -> None:
    # A request on a kept connection, on which the server was asked for its models, is sent once more on a new one.
    pair.standin.faults.extend([Fault(kind), Fault(kind)])

    assert isinstance((await until_error(pair.server))[1], ModelServerUnreachable)


@pytest.mark.parametrize("kind", [FaultKind.RESET, FaultKind.END_EARLY, FaultKind.ERROR_EVENT, FaultKind.BROKEN_EVENT])
async def test_a_stream_that_breaks_keeps_its_tokens_and_says_that_it_broke(pair: Pair, kind: FaultKind) -> None:
    pair.standin.faults.append(Fault(kind, after=2))

    text, error = await until_error(pair.server)

    assert text == "Berlin ist"
    assert isinstance(error, StreamBroken)


async def test_a_failure_of_the_model_is_a_broken_stream(pair: Pair) -> None:
    pair.standin.faults.append(Fault(FaultKind.STATUS, status=500))
    pair.standin.faults.append(Fault(FaultKind.ERROR_EVENT))

    assert isinstance((await until_error(pair.server))[1], StreamBroken)
    assert isinstance((await until_error(pair.server))[1], StreamBroken)


async def test_a_server_that_is_silent_before_its_first_token_is_given_up(pair: Pair) -> None:
    pair.standin.faults.append(Fault(FaultKind.HANG))
    # Comments keep a connection open; they do not prove that a model is alive.
    pair.standin.keepalive_seconds = 0.01

    async with pair.impatient(first=0.2) as server:
        assert isinstance((await until_error(server))[1], ModelServerUnreachable)


async def test_a_stream_that_falls_silent_is_broken(pair: Pair) -> None:
    pair.standin.faults.append(Fault(FaultKind.HANG, after=2))
    pair.standin.keepalive_seconds = 0.01

    async with pair.impatient(idle=0.2) as server:
        text, error = await until_error(server)

    assert text == "Berlin ist"
    assert isinstance(error, StreamBroken)


async def test_closing_the_stream_ends_the_work_at_once(pair: Pair) -> None:
    pair.standin.pace.pause()
    pair.standin.pace.step()
    stream = pair.server.stream(PROMPT, Sampling())
    async with asyncio.timeout(BOUND_SECONDS):
        assert await anext(stream) == Token("Berlin")
        await stream.aclose()
        generation = await pair.standin.arrivals.get()
        await generation.ended.wait()

    assert generation.outcome is Outcome.CANCELLED
    assert pair.standin.cancelled == 1


async def test_a_task_cancelled_while_it_waits_for_a_token_ends_the_work(pair: Pair) -> None:
    pair.standin.pace.pause()
    task = asyncio.create_task(collect(pair.server))
    async with asyncio.timeout(BOUND_SECONDS):
        generation = await pair.standin.arrivals.get()
        task.cancel()
        await generation.ended.wait()

    assert generation.outcome is Outcome.CANCELLED
    with pytest.raises(asyncio.CancelledError):
        await task


async def test_a_hundred_and_fifty_streams_run_at_once(pair: Pair) -> None:
    pair.standin.max_concurrent_requests = 150
    pair.standin.pace.pause()
    tasks = [asyncio.create_task(collect(pair.server)) for _ in range(150)]
    async with asyncio.timeout(60):
        for _ in tasks:
            await pair.standin.arrivals.get()
        pair.standin.pace.resume()
        answers = await asyncio.gather(*tasks)

    assert {shown(answer) for answer in answers} == {"".join(ANSWER)}


async def test_counts_are_those_of_the_server_and_never_too_small(pair: Pair) -> None:
    exact = pair.kind is not Kind.PLAIN
    for text in ("", "Hallo, Welt!", PROMPT, "Größe: 12.345 €\n" * 20):
        counted = await pair.server.count(text)
        assert counted >= input_tokens(text)
        assert not exact or counted == input_tokens(text)


async def test_a_text_is_counted_by_the_server_once(pair: Pair) -> None:
    counted = await pair.server.count(PROMPT)
    pair.standin.loading = True

    assert await pair.server.count(PROMPT) == counted


async def test_what_is_served_is_told_with_its_window(pair: Pair) -> None:
    description = await pair.server.describe()

    assert description.name in {"plausch/stand-in", "plausch-stand-in"}
    assert description.window == 4096
    assert description.max_prompt == 4095


@pytest.mark.parametrize("kind", Kind)
async def test_the_key_opens_what_is_locked_and_a_wrong_one_is_named(kind: Kind) -> None:
    async with (
        standin(kind, lambda _: ANSWER, key="right") as locked,
        contextlib.aclosing(client(kind, locked.url, key="right")) as right,
        contextlib.aclosing(client(kind, locked.url, key="wrong")) as wrong,
    ):
        assert shown(await collect(right)) == "".join(ANSWER)
        _, error = await until_error(wrong)
        assert isinstance(error, ModelServerRefused)
        assert "PLAUSCH_MODEL_KEY" in str(error)
        assert await wrong.count(PROMPT) >= input_tokens(PROMPT)


@pytest.mark.parametrize("kind", Kind)
@pytest.mark.parametrize("url", ["no address", "ftp://127.0.0.1", "http://"])
async def test_an_address_that_is_none_is_refused_with_a_cure(kind: Kind, url: str) -> None:
    async with contextlib.aclosing(client(kind, url)) as server:
        with pytest.raises(ModelServerRefused, match="PLAUSCH_MODEL_URL"):
            await server.describe()
