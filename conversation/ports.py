"""Every port: what the core needs from the world, in the core's own words.

One contract test suite for each port runs against every implementation (``tests/contracts``).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    import asyncio
    from collections.abc import AsyncGenerator, AsyncIterator, Collection, Mapping, Sequence
    from contextlib import AbstractAsyncContextManager
    from datetime import datetime

    from conversation.generation import Finish, ModelDescription, Sampling, Token
    from conversation.messages import Author, ConversationKey, Message
    from conversation.places import Capabilities, Place
    from conversation.prompts.parts import Source, Utterance
    from conversation.turns import Backlog, Claim, Ending, Exchange, Frame, LoggedTurn, ParkedTurn, Receipt


# ── model servers ────────────────────────────────────────────────────────────────────────────────────────────────────


class ModelServer(Protocol):
    """A server that continues a rendered prompt."""

    def stream(self, prompt: str, sampling: Sampling) -> AsyncGenerator[Token | Finish, None]:
        """Yield tokens, then exactly one ``Finish``. Closing the generator closes the connection, which ends the work.

        Before the first token it raises ``ModelServerUnreachable``, ``ModelServerOverloaded``, ``PromptTooLong`` or
        ``ModelServerRefused``; once the stream runs, ``StreamBroken``.
        """

    async def count(self, text: str) -> int:
        """How many tokens the text takes; an estimate that is rather too large where the server can't count.

        May raise ``ModelServerUnreachable`` or ``ModelServerOverloaded`` while the server is left alone.
        """

    async def describe(self) -> ModelDescription:
        """What is served. Raises ``ModelServerUnreachable`` while the model loads, ``ModelServerOverloaded``."""

    async def aclose(self) -> None:
        """Close connections and processes."""


class Clock(Protocol):
    """Time, for what is stored about an answer. Leases go by the database's clock, never by this one."""

    def now(self) -> datetime:
        """The present instant, with its time zone."""


# ── the inbox: turns that wait for an answer ─────────────────────────────────────────────────────────────────────────


class Inbox(Protocol):
    """Turns that wait for an answer, durable and in order.

    A lease is the right to answer one conversation for some seconds. Whoever comes back with an older fence than the
    last one given out gets ``LeaseLost`` and has changed nothing. Every method raises ``StoreUnavailable`` where the
    database can't be reached, and has changed nothing then.
    """

    async def put(self, message: Message, command: str | None = None) -> Receipt:
        """Store the message and its turn in one commit. ``command`` is the canonical name (``conversation.commands``).

        ``stop`` opens no turn where it finds open ones: it asks all of its conversation that came before to stop.
        Beyond the limit of open turns the turn becomes ``commands.Command.FULL``: a notice instead of an answer.
        """

    async def put_unreadable(self, platform: str, workspace: str, raw: str, reason: str) -> None:
        """Keep what could not be read, once for the same ``raw``."""

    async def stop_answers_to(self, person: str, platform: str, workspace: str, channel: str) -> tuple[str, ...]:
        """Ask all open turns to stop that this person asked in this channel, in any thread. Returns their ids."""

    async def claim(
        self,
        worker: str,
        lease_seconds: float,
        platforms: Collection[str],
        conversation_id: str | None = None,
        *,
        quick_only: bool = False,
    ) -> Claim | None:
        """The oldest open or decided turn of a conversation that nobody holds and whose pause is over, or None.

        Turns that need no model go first; with ``quick_only`` there are no others.
        """

    async def renew(self, claim: Claim, lease_seconds: float) -> bool:
        """Hold the conversation longer. Returns whether somebody asked the turn to stop. Raises ``LeaseLost``."""

    async def sending(self, claim: Claim, part: int) -> str:
        """Note that a message for this part is about to be sent; returns the send's id. Raises ``LeaseLost``."""

    async def sent(self, claim: Claim, send_id: str, message_id: str) -> None:
        """Note the platform's id of what was sent; "" marks an outcome that nobody knows. Raises ``LeaseLost``."""

    async def decide(self, claim: Claim, ending: Ending, failure: str | None = None) -> None:
        """Commit how the turn ends, and the failure it ends for. Not yet shown, it can still be claimed.

        Raises ``LeaseLost``.
        """

    async def shown(self, claim: Claim, greeted: str | None = None) -> None:
        """The person sees the ending: the turn is over, the conversation free. ``greeted``: who read the AI notice."""

    async def undeliverable(self, claim: Claim, reason: str) -> None:
        """Nobody can be reached there: the turn is over. Raises ``LeaseLost``."""

    async def fail(self, claim: Claim, reason: str, pause_seconds: float) -> None:
        """Count a failure and free the conversation after a pause. Raises ``LeaseLost``."""

    async def hand_back(self, claim: Claim, pause_seconds: float = 0) -> None:
        """Free the conversation; nothing failed. Raises ``LeaseLost``."""

    async def open_turns(self, conversation_id: str | None = None) -> int:
        """How many turns are not yet shown."""

    async def backlog(self) -> Backlog:
        """What waits, and for how long."""

    async def parked(self) -> Sequence[ParkedTurn]:
        """The turns that were put aside, oldest first."""

    async def retry(self, turn_id: str) -> bool:
        """Open a parked turn again, as a new revision without failures. False where no parked turn has this id."""


class ConversationStore(Protocol):
    """What was said."""

    async def window(self, conversation_id: str, since: int, before: int) -> Sequence[Exchange]:
        """The exchanges with ``since <= position < before``, oldest first."""

    async def log(self, conversation: ConversationKey) -> Sequence[LoggedTurn]:
        """The whole conversation, oldest first."""


class People(Protocol):
    """Names and locales of the people who talk to us."""

    async def known(self, platform: str, workspace: str, ids: Collection[str]) -> Mapping[str, Author]:
        """Those of them whose name is known."""

    async def learn(self, platform: str, workspace: str, author: Author) -> None:
        """Keep a person's name and locale."""


# ── signals: fast, and never needed for correctness ──────────────────────────────────────────────────────────────────


class Signals(Protocol):
    """Wake-ups, stops and the live tail. A lost signal makes things slower, never wrong: the store is the truth."""

    async def wake(self) -> None:
        """A turn waits: one sleeping worker may look."""

    async def woken(self, timeout_seconds: float) -> None:
        """Return when somebody called ``wake``, or after the time."""

    async def stop(self, turn_ids: Sequence[str]) -> None:
        """Ask whoever writes these answers to stop."""

    def stops(self, turn_id: str) -> AbstractAsyncContextManager[asyncio.Event]:
        """An event that is set once somebody asks for a stop of this turn, while the context is open."""

    async def show(self, conversation: ConversationKey, frame: Frame) -> None:
        """Hand a frame to whoever watches the conversation."""

    def watch(self, conversation: ConversationKey) -> AbstractAsyncContextManager[AsyncIterator[Frame]]:
        """Frames of this conversation from now on; the first one is the answer under way so far, where there is one."""


# ── platforms ────────────────────────────────────────────────────────────────────────────────────────────────────────


class Platform(Protocol):
    """One platform's outgoing side: an answer is one message or more, each begins as a placeholder that edits fill."""

    name: str
    capabilities: Capabilities

    def parts(self, markdown: str) -> Sequence[object]:
        """The text in the platform's own formatting, cut where one message can't hold it. Never empty."""

    async def pace(self, place: Place, *, last: bool) -> None:
        """Return when the platform's limits let us write there; the last write goes before others."""

    async def begin(self, place: Place, send_id: str) -> str:
        """Send a placeholder and return the platform's id for it.

        Raises ``TooFast``, ``Undeliverable``, ``OutcomeUnknown``, ``PlatformUnreachable``.
        """

    async def edit(self, place: Place, message_id: str, part: object, *, last: bool) -> None:
        """Put this part into the message; ``last`` is its final state. Repeating it is harmless.

        Raises ``TooFast``, ``Undeliverable``, ``PlatformUnreachable``, ``MessageGone``.
        """

    async def find(self, place: Place, send_id: str) -> str | None:
        """The id of the message that ``begin`` may have sent with this send id, if it can be found."""

    async def remove(self, place: Place, message_id: str) -> None:
        """Take back a message that the final text does not need; it may be gone already. Raises as ``edit`` does."""

    async def typing(self, place: Place) -> None:
        """Show that we are at it; failure is harmless and raises nothing."""

    async def person(self, workspace: str, person: str) -> Author | None:
        """A person's name and locale, asked from the platform; None where it does not tell. Raises nothing."""


class Intake(Protocol):
    """Where platforms hand in what they received. Acknowledge only after it returned."""

    async def accept(self, message: Message) -> Receipt:
        """Store it and wake a worker. Raises ``StoreUnavailable``: then do not acknowledge."""

    async def unreadable(self, platform: str, workspace: str, raw: str, reason: str) -> None:
        """Keep what could not be read, so that it is neither lost nor in the way."""

    async def stop_answers_to(self, person: str, platform: str, workspace: str, channel: str) -> int:
        """Stop all open answers to this person in this channel; returns how many."""


# ── prompts ──────────────────────────────────────────────────────────────────────────────────────────────────────────


class PromptFormat(Protocol):
    """How one family of models wants its prompts."""

    name: str

    def render(
        self,
        system: str,
        utterances: Sequence[Utterance],
        sources: Sequence[Source] = (),
        instruction: str | None = None,
        *,
        named: bool = False,
    ) -> str:
        """The prompt. Role words inside what people, documents or the model wrote are neutralised."""

    def stops(self) -> Sequence[str]:
        """Stop sequences that are safe to hand to the server."""
