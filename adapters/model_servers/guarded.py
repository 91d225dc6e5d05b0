"""A circuit breaker before a model server: who is down or has too much to do is not asked by everybody at once."""

from __future__ import annotations

import logging
import time
from contextlib import aclosing
from typing import TYPE_CHECKING

from fluxgate import AsyncCircuitBreaker, CallNotPermittedError
from fluxgate.permits import Permit
from fluxgate.retries import Retry
from fluxgate.trackers import TypeOf
from fluxgate.trippers import FailureStreak, HalfOpened
from fluxgate.windows import CountWindow

from conversation.errors import ModelServerOverloaded, ModelServerUnavailable, ModelServerUnreachable

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Awaitable, Callable
    from typing import TypeVar

    from fluxgate.signal import Signal

    from conversation.generation import Finish, ModelDescription, Sampling, Token
    from conversation.ports import ModelServer

    _T = TypeVar("_T")

_log = logging.getLogger(__name__)

# So many failures one after another, and the server is left alone.
FAILURES = 5


class Guarded:
    """``server``, left alone for a while after it could not be reached, or had too much to do, five times in a row.

    Meanwhile every call raises at once what the last failure was, with the seconds to rest. After ``first_pause``
    seconds one request is let through; what becomes of it until its first token decides: all are let through again, or
    the pause doubles, up to ``longest_pause``. What ends otherwise (a refusal, a broken stream, a caller who does not
    wait for the first token) says nothing about the server, and the next request is the one that is let through.
    """

    def __init__(
        self,
        server: ModelServer,
        *,
        first_pause: float = 2.0,
        longest_pause: float = 30.0,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._server = server
        self._described: ModelDescription | None = None
        self._rest = _Rest(first_pause, longest_pause, clock)
        self._breaker = AsyncCircuitBreaker(
            window=CountWindow(FAILURES),
            tracker=TypeOf(ModelServerUnavailable),
            tripper=FailureStreak(FAILURES) | (HalfOpened() & FailureStreak(1)),
            retry=_WhenRested(self._rest),
            permit=_OneAtATime(self._rest),
            listeners=[self._changed],
        )

    @property
    def trouble(self) -> str | None:
        """What is wrong with the server, and when it is asked again; None while it is asked as usual."""
        if self._is_closed:
            return None
        what = "overloaded" if isinstance(self._rest.cause, ModelServerOverloaded) else "unreachable"
        if self._rest.probe_began is not None:
            return f"{what}: being asked again"
        if (seconds := self._rest.remaining(self._reopens)) > 0:
            return f"{what}: asked again in {seconds:.0f} s"
        return f"{what}: asked again with the next request"

    async def stream(self, prompt: str, sampling: Sampling) -> AsyncGenerator[Token | Finish, None]:
        """See ``ModelServer.stream``. Closed before its first token, or after it, it counts as no failure."""
        async with aclosing(self._server.stream(prompt, sampling)) as events:
            yield await self._call(lambda: anext(events))
            async for event in events:
                yield event

    async def count(self, text: str) -> int:
        """See ``ModelServer.count``. While the server is left alone it raises as ``stream`` does.

        An estimate could make a message too long that is not, and nothing can be done with the count now.
        """
        if self._is_left_alone:
            raise self._refusal()
        return await self._server.count(text)

    async def describe(self) -> ModelDescription:
        """See ``ModelServer.describe``. While the server is in trouble it is what it was when it was asked last."""
        if self._described is None or self._is_closed:
            self._described = await self._call(self._server.describe)
        return self._described

    async def aclose(self) -> None:
        """Close the server."""
        await self._server.aclose()

    @property
    def _is_closed(self) -> bool:
        return self._breaker.info().state == "closed"

    @property
    def _reopens(self) -> int:
        return self._breaker.info().reopens

    @property
    def _is_left_alone(self) -> bool:
        if self._is_closed:
            return False
        return self._rest.probe_began is not None or self._rest.remaining(self._reopens) > 0

    async def _call(self, ask: Callable[[], Awaitable[_T]]) -> _T:
        """Ask through the breaker. Raises what the server raises, and ``_refusal`` where it is left alone."""
        try:
            return await self._breaker.call(self._watched, ask)
        except CallNotPermittedError:
            raise self._refusal() from None
        except ModelServerUnavailable as failure:
            if self._is_left_alone:
                failure.rest_seconds = self._rest.seconds(self._reopens)
            raise

    async def _watched(self, ask: Callable[[], Awaitable[_T]]) -> _T:
        """Ask, and note what the breaker's strategies have to know, in the same step in which it decides."""
        state = self._breaker.info().state
        if state == "half_open":
            self._rest.probe_began = self._rest.clock()
        try:
            return await ask()
        except ModelServerUnavailable as failure:
            # Whoever began before the breaker opened, and fails later, does not make the pause longer.
            if self._breaker.info().state == state:
                self._rest.begin(failure)
            raise
        finally:
            if state == "half_open":
                self._rest.probe_began = None

    def _refusal(self) -> ModelServerUnavailable:
        cause = self._rest.cause
        kind = ModelServerOverloaded if isinstance(cause, ModelServerOverloaded) else ModelServerUnreachable
        return kind(str(cause), self._rest.seconds(self._reopens))

    def _changed(self, signal: Signal) -> None:
        match signal.new_state:
            case "open":
                _log.warning("model server %s (%s)", self.trouble, self._rest.cause)
            case "closed":
                _log.info("model server answers again")
            case _:
                pass


class _Rest:
    """How long the server is left alone, by a clock that nobody sets (the library's own pauses go by the wall's)."""

    def __init__(self, first: float, longest: float, clock: Callable[[], float]) -> None:
        self._first = first
        self._longest = longest
        self.clock = clock
        self._began = clock()
        self.cause: ModelServerUnavailable | None = None
        self.probe_began: float | None = None

    def begin(self, cause: ModelServerUnavailable) -> None:
        """The pause, if there is one, begins now."""
        self._began, self.cause = self.clock(), cause

    def remaining(self, reopens: int) -> float:
        """Seconds until a request is let through; ``reopens`` were let through in vain."""
        pause = min(self._first * 2.0 ** min(reopens, 30), self._longest)
        return self._began + pause - self.clock()

    def seconds(self, reopens: int) -> float:
        """How long it makes no sense to ask.

        Nobody knows how long a probe takes that is under way: as long again as it has taken yet. So who waits for one
        that hangs asks less and less often, and one that ends soon keeps nobody waiting.
        """
        if self.probe_began is None:
            return self.remaining(reopens)
        return min(max(self.clock() - self.probe_began, self._first), self._longest)


class _WhenRested(Retry):
    def __init__(self, rest: _Rest) -> None:
        self._rest = rest

    def __call__(self, changed_at: float, reopens: int) -> bool:  # noqa: ARG002 - by the wall's clock
        return self._rest.remaining(reopens) <= 0


class _OneAtATime(Permit):
    def __init__(self, rest: _Rest) -> None:
        self._rest = rest

    def __call__(self, changed_at: float) -> bool:  # noqa: ARG002 - by the wall's clock
        return self._rest.probe_began is None
