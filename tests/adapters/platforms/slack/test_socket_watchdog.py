"""A socket over which nothing comes any more, and what is said about it."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from itertools import count
from typing import TYPE_CHECKING, Any

import pytest

from adapters.platforms.slack.people import Directory
from adapters.platforms.slack.receive import Receiver
from adapters.platforms.slack.socket_mode import SocketMode
from adapters.standins.slack import FaultKind
from tests.support.black_hole import network_to
from tests.support.slack_desk import US, Desk, Scene, scene

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from adapters.platforms.slack import Slack


@asynccontextmanager
async def running(at: Scene, desk: Desk, **limits: Any) -> AsyncIterator[SocketMode]:
    receiver = Receiver(desk, lambda: US, Directory())
    client = at.slack._workspace.client
    socket_mode = SocketMode(receiver, client, at.standin.app_token, first_pause=0.01, **limits)
    task = asyncio.create_task(socket_mode.run())
    try:
        yield socket_mode
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


def troubles_of(what: SocketMode | Slack) -> list[str]:
    return [what.trouble] if what.trouble else []


async def heard(at: Scene) -> None:
    """Something was said, and came over the socket."""
    ts = await at.standin.say(at.room.direct, "Da?", at.room.person)
    await at.standin.wait_for(lambda: at.standin.acknowledged(ts))


@pytest.mark.parametrize(
    ("silence_seconds", "words"), [(0.3, "nothing came over the socket for 0 s"), (90, "the socket has stalled")]
)
async def test_a_socket_over_which_nothing_comes_any_more_is_replaced(
    silence_seconds: float, words: str, caplog: pytest.LogCaptureFixture
) -> None:
    desk = Desk()
    async with (
        scene(acknowledge_within=0.3, retry_scale=0.01, ping_seconds=0.2) as at,
        network_to(at.standin.api_url) as network,
    ):
        at.standin._base = network.address(at.standin._base)
        limits = {"ping_seconds": 0.2, "silence_seconds": silence_seconds, "connect_seconds": 0.5}
        async with running(at, desk, **limits) as socket_mode:
            await heard(at)
            network.swallow()
            ts = await at.standin.say(at.room.direct, "Hallo", at.room.person)
            await at.standin.wait_for(lambda: f"{words}: the connection is made anew" in caplog.text, within=20)
            assert troubles_of(socket_mode)
            network.recover()
            await at.standin.wait_for(lambda: at.standin.acknowledged(ts), within=20)
            assert desk.texts == ["Da?", "Hallo"]
            assert not troubles_of(socket_mode)
        assert "ticket" not in caplog.text


async def test_a_socket_that_only_pongs_is_not_silent() -> None:
    looks, often = count(0.0, 30.0), asyncio.Event()

    def passes_at_each_look() -> float:
        if (now := next(looks)) > 600:
            often.set()
        return now

    async with scene() as at, running(at, Desk(), ping_seconds=0.1, clock=passes_at_each_look) as socket_mode:
        await heard(at)
        await asyncio.wait_for(often.wait(), 20)
        assert socket_mode.trouble is None
        assert len(at.standin.calls_of("apps.connections.open")) == 1


@pytest.mark.parametrize(
    ("fault", "error", "words"),
    [
        (FaultKind.SERVER_ERROR, "", "Slack has trouble: HTTP 500"),
        (FaultKind.RATELIMITED, "", "Slack wants a pause of 1 s"),
        (FaultKind.SLOW, "", "Slack does not answer"),
    ],
)
async def test_why_the_socket_is_not_open_is_said(fault: FaultKind, error: str, words: str) -> None:
    async with scene() as at:
        at.standin.fail_next("apps.connections.open", fault, error, seconds=1)
        async with running(at, Desk(), connect_seconds=0.5) as socket_mode:
            assert socket_mode.trouble == "the socket is not open yet"
            held = at.standin.hold_next("apps.connections.open")
            await asyncio.wait_for(held.arrived.wait(), 10)
            assert socket_mode.trouble == f"the socket can't be opened: {words}"
            held.release()
            await at.standin.wait_for(lambda: at.standin.sockets)


async def test_a_token_that_is_taken_back_later_is_said_and_ends_nothing() -> None:
    async with scene() as at, running(at, Desk(), ping_seconds=0.05) as socket_mode:
        await at.standin.wait_for(lambda: at.standin.sockets)
        for _ in range(4):
            at.standin.fail_next("apps.connections.open", FaultKind.ERROR, error="token_revoked")
        at.standin.drop_sockets()
        await at.standin.wait_for(lambda: "token_revoked" in (socket_mode.trouble or ""))
        await at.standin.wait_for(lambda: at.standin.sockets, within=30)


async def test_the_platform_says_what_its_socket_says() -> None:
    async with scene() as at:
        assert not troubles_of(at.slack)
        held = at.standin.hold_next("apps.connections.open")
        task = asyncio.create_task(at.slack.run_socket_mode(Desk()))
        await asyncio.wait_for(held.arrived.wait(), 10)
        assert troubles_of(at.slack) == ["the socket is not open yet"]
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        held.release()
        assert not troubles_of(at.slack)
