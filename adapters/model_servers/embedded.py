"""The embedded model server: a llama.cpp process of our own, watched, spoken to like any other server."""

from __future__ import annotations

import asyncio
import logging
import secrets
import time
from contextlib import aclosing
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import aiohttp

from adapters.model_servers.counting import estimate
from adapters.model_servers.embedded_process import ModelProcess, Orders, cores
from adapters.model_servers.openai import OpenAICompletions
from conversation.errors import ModelServerUnreachable

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

    from adapters.model_servers.weights import ModelFile
    from conversation.generation import Finish, ModelDescription, Sampling, Token

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Care:
    """How the process is looked after, in seconds. A busy machine with two cores must not look like a hung process."""

    load: float = 600
    """So long may a model load."""
    first_pause: float = 0.5
    longest_pause: float = 30
    """Between two starts: doubled with each failure, from the first to the longest."""
    settled: float = 60
    """Who lived so long starts again with the first pause."""
    health_every: float = 10
    health_answer: float = 10
    silence: float = 180
    """Without a sign of life (health or a token) for so long, it hangs and is started anew."""
    first_token: float = 900
    """A request may wait in the process for several long answers before it has a slot."""
    next_token: float = 180
    """Reading a long prompt for one slot holds up the other's answer."""


class Embedded:
    """Runs ``model`` in a child process with ``slots`` answers at a time, each with ``window`` tokens.

    The process starts with the first use, or with ``start``. Until the model is loaded, and again while a process that
    died is replaced, every call raises ``ModelServerUnreachable`` (``count`` estimates).
    """

    def __init__(
        self,
        model: ModelFile,
        *,
        slots: int = 2,
        window: int = 4096,
        threads: int | None = None,
        care: Care | None = None,
    ) -> None:
        self.name = model.name
        self.is_pinned = model.is_pinned
        self._care = care or Care()
        self._orders = Orders(str(model.path), model.name, secrets.token_urlsafe(32), slots, window, threads or cores())
        self._watch: asyncio.Task[None] | None = None
        self._process: ModelProcess | None = None
        self._server: OpenAICompletions | None = None
        self._ready = asyncio.Event()
        self._sign_of_life = 0.0
        self._trouble = "the model is still loading"

    @property
    def process_id(self) -> int | None:
        """The child's process id while it serves."""
        return self._process.pid if self._process else None

    async def start(self) -> None:
        """Start the process and its watch; returns at once."""
        if self._watch is None:
            self._watch = asyncio.create_task(self._keep_running(), name="embedded model server")

    async def ready(self) -> None:
        """Return once the model is loaded. Waits for ever if it never is: the caller sets a limit."""
        await self.start()
        await self._ready.wait()

    async def stream(self, prompt: str, sampling: Sampling) -> AsyncGenerator[Token | Finish, None]:
        """Continue the prompt (``ModelServer.stream``)."""
        server = await self._running()
        async with aclosing(server.stream(prompt, sampling)) as pieces:
            async for piece in pieces:
                self._sign_of_life = time.monotonic()
                yield piece

    async def count(self, text: str) -> int:
        """How many tokens the text takes (``ModelServer.count``)."""
        try:
            server = await self._running()
        except ModelServerUnreachable:
            return estimate(text)
        return await server.count(text)

    async def describe(self) -> ModelDescription:
        """What is served (``ModelServer.describe``)."""
        server = await self._running()
        return replace(await server.describe(), name=self.name)

    async def aclose(self) -> None:
        """End the process."""
        if self._watch is None:
            return
        self._trouble = "it was closed"
        self._watch.cancel()
        await asyncio.gather(self._watch, return_exceptions=True)

    async def _running(self) -> OpenAICompletions:
        await self.start()
        if self._server is None:
            raise ModelServerUnreachable(self._trouble)
        return self._server

    async def _keep_running(self) -> None:
        pause = self._care.first_pause
        while True:
            began = time.monotonic()
            try:
                self._trouble = await self._one_life()
            except Exception as problem:  # noqa: BLE001  # whatever went wrong in one life, the watch must go on
                self._trouble = str(problem) or type(problem).__name__
            if time.monotonic() - began > self._care.settled:
                pause = self._care.first_pause
            _log.warning("embedded model server: %s; starting again in %g s", self._trouble, pause)
            await asyncio.sleep(pause)
            pause = min(2 * pause, self._care.longest_pause)

    async def _one_life(self) -> str:
        """Run one process until it dies or hangs; returns which."""
        process = await ModelProcess.start(self._orders, self._care.load)
        server = OpenAICompletions(
            process.address,
            self.name,
            self._orders.key,
            self._orders.window,
            first_token_seconds=self._care.first_token,
            idle_seconds=self._care.next_token,
        )
        self._process, self._server = process, server
        self._ready.set()
        try:
            return await self._end_of(process)
        finally:
            self._process = self._server = None
            self._ready.clear()
            await process.stop()
            await server.aclose()

    async def _end_of(self, process: ModelProcess) -> str:
        ended = asyncio.create_task(process.ended())
        hangs = asyncio.create_task(self._hangs(process.address))
        try:
            await asyncio.wait({ended, hangs}, return_when=asyncio.FIRST_COMPLETED)
            if ended.done():
                return f"the process ended with code {ended.result()}"
            await process.stop(grace_seconds=0)
            return "the process did not answer any more"
        finally:
            ended.cancel()
            hangs.cancel()
            await asyncio.gather(ended, hangs, return_exceptions=True)

    async def _hangs(self, address: str) -> None:
        """Return once there was no sign of life for too long."""
        self._sign_of_life = time.monotonic()
        limit = aiohttp.ClientTimeout(total=self._care.health_answer)
        async with aiohttp.ClientSession(timeout=limit) as http:
            while time.monotonic() - self._sign_of_life < self._care.silence:
                await asyncio.sleep(self._care.health_every)
                if await _is_healthy(http, address):
                    self._sign_of_life = time.monotonic()


async def _is_healthy(http: aiohttp.ClientSession, address: str) -> bool:
    try:
        async with http.get(f"{address}/health") as answer:
            return answer.ok
    except (aiohttp.ClientError, TimeoutError):
        return False
