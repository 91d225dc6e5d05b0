from __future__ import annotations

import asyncio
from contextlib import aclosing
from typing import TYPE_CHECKING

import pytest
from aiohttp import web

from adapters.model_servers.guarded import FAILURES, Guarded
from adapters.standins.script import Fault, FaultKind, input_tokens
from conversation.errors import (
    ModelServerError,
    ModelServerOverloaded,
    ModelServerUnavailable,
    ModelServerUnreachable,
)
from tests.support.guarded import NOT_READY, OF_ITS_OWN, TOO_MANY, Guard, Watch, guarding, outcome
from tests.support.model_servers import ANSWER, BOUND_SECONDS, Kind, client, collect, serving, shown
from tests.support.service import free_port

if TYPE_CHECKING:
    from collections.abc import AsyncIterator


@pytest.fixture(params=[Kind.TGI, Kind.VLLM])
async def guard(request: pytest.FixtureRequest) -> AsyncIterator[Guard]:
    async with guarding(request.param) as guarded:
        yield guarded


# ── closed ───────────────────────────────────────────────────────────────────────────────────────────────────────────


async def test_a_few_failures_do_not_keep_others_from_asking(guard: Guard) -> None:
    for _ in range(FAILURES - 1):
        assert (await guard.unavailable(TOO_MANY)).rest_seconds is None

    assert shown(await collect(guard.server)) == "".join(ANSWER)
    assert guard.server.trouble is None


async def test_failures_count_only_in_a_row(guard: Guard) -> None:
    for _ in range(2):
        for _ in range(FAILURES - 1):
            await guard.fail(TOO_MANY)
        await collect(guard.server)

    assert guard.server.trouble is None


@pytest.mark.parametrize(("fault", "kind"), OF_ITS_OWN)
async def test_what_is_the_requests_own_is_no_failure_of_the_server(
    guard: Guard, fault: Fault | None, kind: type[ModelServerError]
) -> None:
    for _ in range(3 * FAILURES):
        assert isinstance(await guard.own(fault), kind)

    assert guard.asked == 3 * FAILURES
    assert guard.server.trouble is None


async def test_a_stream_that_breaks_after_its_first_token_is_a_success(guard: Guard) -> None:
    for _ in range(FAILURES - 1):
        await guard.fail(TOO_MANY)
    await guard.fail(Fault(FaultKind.RESET, after=2))
    await guard.fail(TOO_MANY)

    assert guard.server.trouble is None


async def test_who_does_not_wait_for_the_first_token_has_neither_failed_nor_succeeded(guard: Guard) -> None:
    for _ in range(FAILURES - 1):
        await guard.fail(TOO_MANY)
    guard.standin.pace.pause()
    for _ in range(2):
        await guard.give_up()
    assert guard.server.trouble is None
    await guard.fail(TOO_MANY)

    assert guard.server.trouble is not None


# ── open ─────────────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("fault", "kind", "word"),
    [(TOO_MANY, ModelServerOverloaded, "overloaded"), (NOT_READY, ModelServerUnreachable, "unreachable")],
)
async def test_after_too_many_failures_nobody_asks_and_everybody_hears_why(
    guard: Guard, fault: Fault, kind: type[ModelServerUnavailable], word: str
) -> None:
    for _ in range(FAILURES - 1):
        await guard.fail(fault)
    last = await guard.unavailable(fault)
    assert last.rest_seconds == 2.0

    guard.watch.pass_(0.5)
    refused = await guard.refused()
    assert type(refused) is kind
    assert str(refused) == str(last)
    assert refused.rest_seconds == 1.5
    assert guard.server.trouble == f"{word}: asked again in 2 s"


async def test_two_hundred_who_ask_one_after_another_are_few_at_the_server(guard: Guard) -> None:
    guard.standin.faults.extend([TOO_MANY] * 200)
    for _ in range(200):
        await outcome(guard.server)

    assert guard.asked == FAILURES


async def test_a_failure_that_comes_late_does_not_make_the_pause_longer() -> None:
    watch, arrived, ending = Watch(), asyncio.Event(), asyncio.Event()

    async def refuse(_: web.Request) -> web.Response:
        if arrived.is_set():
            return web.Response(status=429)
        arrived.set()
        await ending.wait()
        return web.Response(status=503)

    async with (
        serving(web.post("/generate_stream", refuse)) as url,
        aclosing(Guarded(client(Kind.TGI, url), clock=watch)) as server,
    ):
        late = asyncio.create_task(outcome(server))
        await asyncio.wait_for(arrived.wait(), BOUND_SECONDS)
        for _ in range(FAILURES):
            await outcome(server)
        watch.pass_(1.5)
        ending.set()
        error = await late

        assert isinstance(error, ModelServerUnreachable)
        assert error.rest_seconds == 0.5
        assert isinstance(await outcome(server), ModelServerOverloaded)


# ── what else is asked of a server ───────────────────────────────────────────────────────────────────────────────────


async def test_what_is_served_is_remembered_while_the_server_is_in_trouble(guard: Guard) -> None:
    description = await guard.server.describe()
    await guard.open()
    guard.standin.loading = True

    assert await guard.server.describe() == description
    guard.watch.pass_(2.0)
    assert await guard.server.describe() == description
    assert guard.server.trouble == "overloaded: asked again with the next request"


async def test_what_is_served_is_asked_anew_once_the_trouble_is_over(guard: Guard) -> None:
    await guard.server.describe()
    guard.standin.loading = True

    with pytest.raises(ModelServerUnreachable):
        await guard.server.describe()


async def test_where_nobody_ever_said_what_is_served_the_question_is_guarded_too(guard: Guard) -> None:
    guard.standin.loading = True
    for _ in range(FAILURES):
        with pytest.raises(ModelServerUnreachable):
            await guard.server.describe()
    guard.standin.loading = False

    with pytest.raises(ModelServerUnreachable) as refused:
        await guard.server.describe()
    assert refused.value.rest_seconds == 2.0
    guard.watch.pass_(2.0)
    assert (await guard.server.describe()).window == 4096
    assert guard.server.trouble is None


async def test_nothing_is_counted_while_the_server_is_left_alone(guard: Guard) -> None:
    await guard.open()
    with pytest.raises(ModelServerOverloaded) as refused:
        await guard.server.count("Hallo, Welt!")
    assert refused.value.rest_seconds == 2.0

    guard.watch.pass_(2.0)
    assert await guard.server.count("Hallo, Welt!") == input_tokens("Hallo, Welt!")


async def test_who_opens_and_who_closes_it_is_logged(guard: Guard, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO", logger="adapters.model_servers.guarded")
    await guard.open()
    guard.watch.pass_(2.0)
    await collect(guard.server, "Geheim")

    opened, closed = caplog.messages
    assert opened.startswith("model server overloaded: asked again in 2 s (")
    assert closed == "model server answers again"


async def test_the_longest_pause_may_be_shorter_than_the_first() -> None:
    watch = Watch()
    server = Guarded(client(Kind.TGI, f"http://127.0.0.1:{free_port()}"), longest_pause=1.0, clock=watch)
    async with aclosing(server):
        for _ in range(FAILURES):
            await outcome(server)

        assert server.trouble == "unreachable: asked again in 1 s"
