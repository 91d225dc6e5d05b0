"""A model server behind the circuit breaker, and a clock of the test's own."""

from __future__ import annotations

import asyncio
import contextlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest

from adapters.model_servers.guarded import FAILURES, Guarded
from adapters.standins.script import Fault, FaultKind
from conversation.errors import ModelServerError, ModelServerUnavailable, PromptTooLong, StreamBroken
from tests.support.model_servers import ANSWER, BOUND_SECONDS, Kind, client, collect, shown, standin, until_error

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from adapters.standins.model_server import StandInModelServer

TOO_MANY = Fault(FaultKind.STATUS, status=429)
NOT_READY = Fault(FaultKind.STATUS, status=503)
OF_ITS_OWN = [
    # What the request itself, or its answer, has done: it says nothing about the next one.
    (Fault(FaultKind.ERROR_EVENT), StreamBroken),
    (Fault(FaultKind.STATUS, status=500), StreamBroken),
    (None, PromptTooLong),
]


@dataclass
class Watch:
    """Seconds that pass only when a test says so."""

    seconds: float = 1000.0

    def __call__(self) -> float:
        return self.seconds

    def pass_(self, seconds: float) -> None:
        """Let time pass."""
        self.seconds += seconds


@dataclass(frozen=True, slots=True)
class Guard:
    """A stand-in, and the client that is careful with it."""

    standin: StandInModelServer
    server: Guarded
    watch: Watch

    @property
    def asked(self) -> int:
        """How many requests for an answer reached the server."""
        return len(self.standin.requests)

    async def fail(self, *faults: Fault, prompt: str = "Hallo") -> ModelServerError:
        """Ask once, and what comes of it."""
        self.standin.faults.extend(faults)
        _, error = await until_error(self.server, prompt)
        assert isinstance(error, ModelServerError)
        return error

    async def unavailable(self, fault: Fault) -> ModelServerUnavailable:
        """Ask once, in vain."""
        error = await self.fail(fault)
        assert isinstance(error, ModelServerUnavailable)
        return error

    async def refused(self) -> ModelServerUnavailable:
        """Ask once, which nobody hears."""
        before = self.asked
        error = await self.fail()
        assert self.asked == before
        assert isinstance(error, ModelServerUnavailable)
        return error

    async def own(self, fault: Fault | None) -> ModelServerError:
        """Ask once, with trouble of ``OF_ITS_OWN``."""
        return await self.fail(fault) if fault else await self.fail(prompt="Wort " * 5000)

    async def give_up(self) -> None:
        """Ask, and go away before there is a token."""
        task = asyncio.create_task(collect(self.server))
        async with asyncio.timeout(BOUND_SECONDS):
            generation = await self.standin.arrivals.get()
            task.cancel()
            await generation.ended.wait()
        with pytest.raises(asyncio.CancelledError):
            await task

    async def open(self, fault: Fault = TOO_MANY) -> None:
        """Let the server fail until it is left alone."""
        for _ in range(FAILURES):
            await self.fail(fault)

    async def at_once(self, streams: int) -> list[str | ModelServerUnavailable]:
        """What so many streams come to that begin at the same time."""
        return await asyncio.gather(*(outcome(self.server) for _ in range(streams)))


async def outcome(server: Guarded) -> str | ModelServerUnavailable:
    """The answer, or why there is none."""
    try:
        return shown(await collect(server))
    except ModelServerUnavailable as error:
        return error


@contextlib.asynccontextmanager
async def guarding(kind: Kind) -> AsyncIterator[Guard]:
    """A stand-in of this kind, and its guarded client."""
    watch = Watch()
    async with (
        standin(kind, lambda _: ANSWER) as running,
        contextlib.aclosing(Guarded(client(kind, running.url), clock=watch)) as server,
    ):
        yield Guard(running, server, watch)
