"""Pairs of a stand-in server and the client that speaks to it, one for each kind of model server."""

from __future__ import annotations

import asyncio
import contextlib
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from aiohttp import web

from adapters.model_servers.guarded import Guarded
from adapters.model_servers.openai import OpenAICompletions
from adapters.model_servers.tgi import TGI
from adapters.standins.openai import Flavour, StandInOpenAI
from adapters.standins.script import Reply, say_which_question
from adapters.standins.tgi import StandInTGI
from adapters.standins.tgi_validation import TGILimits
from conversation.generation import Finish, Sampling, Token

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from contextlib import AbstractAsyncContextManager

    from adapters.standins.model_server import StandInModelServer
    from conversation.ports import ModelServer

ANSWER = ["Berlin", " ist", " die", " Haupt", "stadt", "."]
BOUND_SECONDS = 20.0


class Kind(StrEnum):
    """Which server, and with it which client."""

    TGI = "tgi"
    VLLM = "vllm"
    LLAMA_CPP = "llama.cpp"
    PLAIN = "plain"
    GUARDED = "guarded"
    """TGI behind the circuit breaker."""


@dataclass(frozen=True, slots=True)
class Pair:
    """A stand-in, and a client of the same kind."""

    kind: Kind
    standin: StandInModelServer
    server: ModelServer

    def impatient(self, *, first: float = 60.0, idle: float = 60.0) -> AbstractAsyncContextManager[ModelServer]:
        """Another client for the same stand-in."""
        return contextlib.aclosing(client(self.kind, self.standin.url, first=first, idle=idle))


def client(
    kind: Kind, url: str, *, key: str | None = None, first: float = 60.0, idle: float = 60.0
) -> TGI | OpenAICompletions | Guarded:
    """A client of this kind."""
    if kind is Kind.GUARDED:
        return Guarded(TGI(url, key, first_token_seconds=first, idle_seconds=idle))
    if kind is Kind.TGI:
        return TGI(url, key, first_token_seconds=first, idle_seconds=idle)
    return OpenAICompletions(url, key=key, first_token_seconds=first, idle_seconds=idle)


def standin(
    kind: Kind, reply: Reply = say_which_question, *, window: int = 4096, key: str | None = None
) -> StandInTGI | StandInOpenAI:
    """A stand-in of this kind."""
    if kind in {Kind.TGI, Kind.GUARDED}:
        return StandInTGI(reply, limits=TGILimits(max_input_tokens=window - 1, max_total_tokens=window), key=key)
    return StandInOpenAI(reply, flavour=Flavour(kind), window=window, key=key)


@contextlib.asynccontextmanager
async def paired(kind: Kind, reply: Reply = lambda _: ANSWER) -> AsyncIterator[Pair]:
    """A stand-in that runs, and its client."""
    async with standin(kind, reply) as running:
        server = client(kind, running.url)
        try:
            yield Pair(kind, running, server)
        finally:
            await server.aclose()


async def collect(server: ModelServer, prompt: str = "Hallo", sampling: Sampling | None = None) -> list[Token | Finish]:
    """The whole stream, within a bound."""
    async with asyncio.timeout(BOUND_SECONDS):
        return [event async for event in server.stream(prompt, sampling or Sampling())]


async def until_error(
    server: ModelServer, prompt: str = "Hallo", sampling: Sampling | None = None
) -> tuple[str, Exception]:
    """The text that came before the stream raised, and what it raised."""
    text = ""
    try:
        async with asyncio.timeout(BOUND_SECONDS):
            async for event in server.stream(prompt, sampling or Sampling()):
                text += shown([event])
    except Exception as error:  # noqa: BLE001  # whatever comes is what the test looks at
        return text, error
    raise AssertionError("the stream ended well")


def shown(events: list[Token | Finish]) -> str:
    """What a person sees of a stream."""
    return "".join(event.text for event in events if isinstance(event, Token) and not event.special)


@contextlib.asynccontextmanager
async def serving(*routes: web.RouteDef) -> AsyncIterator[str]:
    """A server with routes of the test's own; yields its address."""
    app = web.Application()
    app.add_routes(routes)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.05)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    host, port = runner.addresses[0][:2]
    try:
        yield f"http://{host}:{port}"
    finally:
        await runner.cleanup()


def saying(path: str, body: str, *, method: str = "GET", status: int = 200) -> web.RouteDef:
    """A route that always says the same."""

    async def answer(_: web.Request) -> web.Response:
        return web.Response(text=body, status=status)

    return web.route(method, path, answer)
