from __future__ import annotations

import asyncio
from contextlib import aclosing
from typing import TYPE_CHECKING

import pytest

from adapters.model_servers.guarded import FAILURES, Guarded
from adapters.standins.script import Fault, FaultKind
from adapters.standins.tgi import StandInTGI
from conversation.errors import (
    ModelServerError,
    ModelServerOverloaded,
    ModelServerUnavailable,
    ModelServerUnreachable,
)
from conversation.generation import Sampling, Token
from tests.support.guarded import NOT_READY, OF_ITS_OWN, TOO_MANY, Guard, Watch, guarding, outcome
from tests.support.model_servers import ANSWER, BOUND_SECONDS, Kind, client, collect, shown, standin
from tests.support.service import free_port

if TYPE_CHECKING:
    from collections.abc import AsyncIterator


@pytest.fixture(params=[Kind.TGI, Kind.VLLM])
async def guard(request: pytest.FixtureRequest) -> AsyncIterator[Guard]:
    async with guarding(request.param) as guarded:
        yield guarded


# ── the probe ────────────────────────────────────────────────────────────────────────────────────────────────────────


async def test_after_the_pause_one_is_let_through_and_its_success_lets_all_through(guard: Guard) -> None:
    await guard.open()
    guard.watch.pass_(2.0)
    troubles = [guard.server.trouble]
    guard.standin.pace.pause()
    asking = asyncio.create_task(guard.at_once(200))
    async with asyncio.timeout(BOUND_SECONDS):
        await guard.standin.arrivals.get()
    troubles.append(guard.server.trouble)
    guard.standin.pace.resume()
    came = await asking
    troubles.append(guard.server.trouble)

    assert troubles == ["overloaded: asked again with the next request", "overloaded: being asked again", None]
    assert guard.asked == FAILURES + 1
    assert [text for text in came if isinstance(text, str)] == ["".join(ANSWER)]
    assert {error.rest_seconds for error in came if isinstance(error, ModelServerUnavailable)} == {2.0}
    assert await guard.at_once(100) == ["".join(ANSWER)] * 100


async def test_the_pause_doubles_with_each_probe_in_vain_up_to_its_limit_and_success_makes_it_short_again(
    guard: Guard,
) -> None:
    await guard.open()
    for pause in (2.0, 4.0, 8.0, 16.0, 30.0, 30.0):
        guard.watch.pass_(pause - 0.1)
        assert (await guard.refused()).rest_seconds == pytest.approx(0.1)
        guard.watch.pass_(0.1)
        before = guard.asked
        guard.standin.faults.append(TOO_MANY)
        came = await guard.at_once(200)
        assert guard.asked == before + 1
        assert not any(isinstance(one, str) for one in came)

    guard.watch.pass_(30.0)
    await collect(guard.server)
    await guard.open()
    assert (await guard.refused()).rest_seconds == 2.0


async def test_a_probe_may_fail_for_another_reason_than_the_one_before(guard: Guard) -> None:
    await guard.open()
    guard.watch.pass_(2.0)
    await guard.fail(NOT_READY)

    assert isinstance(await guard.refused(), ModelServerUnreachable)


@pytest.mark.parametrize(("fault", "kind"), OF_ITS_OWN)
async def test_a_probe_that_ends_for_a_reason_of_its_own_leaves_it_to_the_next(
    guard: Guard, fault: Fault | None, kind: type[ModelServerError]
) -> None:
    await guard.open()
    guard.watch.pass_(2.0)
    assert isinstance(await guard.own(fault), kind)
    assert guard.server.trouble is not None

    assert shown(await collect(guard.server)) == "".join(ANSWER)
    assert guard.server.trouble is None


async def test_a_probe_whose_caller_goes_away_leaves_it_to_the_next(guard: Guard) -> None:
    await guard.open()
    guard.watch.pass_(2.0)
    guard.standin.pace.pause()
    await guard.give_up()
    assert guard.server.trouble is not None
    guard.standin.pace.resume()

    assert shown(await collect(guard.server)) == "".join(ANSWER)


async def test_a_probe_that_is_left_at_its_first_token_has_succeeded(guard: Guard) -> None:
    await guard.open()
    guard.watch.pass_(2.0)
    async with aclosing(guard.server.stream("Hallo", Sampling())) as stream:
        assert await anext(stream) == Token(ANSWER[0])
        assert guard.server.trouble is None


async def test_who_waits_for_a_probe_that_hangs_asks_less_and_less_often(guard: Guard) -> None:
    await guard.open()
    guard.watch.pass_(2.0)
    guard.standin.pace.pause()
    probe = asyncio.create_task(outcome(guard.server))
    async with asyncio.timeout(BOUND_SECONDS):
        await guard.standin.arrivals.get()
    with pytest.raises(ModelServerOverloaded):
        await guard.server.count("Hallo")
    rests = []
    for _ in range(4):
        rests.append((await guard.refused()).rest_seconds)
        guard.watch.pass_(12.0)
    guard.standin.pace.resume()

    assert rests == [2.0, 12.0, 24.0, 30.0]
    assert await probe == "".join(ANSWER)


async def test_a_server_that_hangs_has_one_request_at_a_time() -> None:
    watch = Watch()
    async with (
        standin(Kind.TGI) as hanging,
        # Long enough for the request to arrive on a busy machine.
        aclosing(Guarded(client(Kind.TGI, hanging.url, first=1.0), clock=watch)) as server,
    ):
        hanging.faults.extend([Fault(FaultKind.HANG)] * (FAILURES + 1))
        await asyncio.gather(*(outcome(server) for _ in range(FAILURES)))
        watch.pass_(2.0)
        await asyncio.gather(*(outcome(server) for _ in range(200)))

        assert len(hanging.requests) == FAILURES + 1
        assert server.trouble == "unreachable: asked again in 4 s"


async def test_a_server_that_was_gone_is_found_again() -> None:
    port, watch = free_port(), Watch()
    async with aclosing(Guarded(client(Kind.TGI, f"http://127.0.0.1:{port}"), clock=watch)) as server:
        for _ in range(FAILURES):
            assert isinstance(await outcome(server), ModelServerUnreachable)
        async with StandInTGI(lambda _: ANSWER, port=port) as back:
            assert isinstance(await outcome(server), ModelServerUnreachable)
            assert back.requests == []
            watch.pass_(2.0)

            assert await outcome(server) == "".join(ANSWER)
