"""What the tests of the Slack platform share: an intake in memory, time that passes by itself, events, places."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from adapters.platforms.slack import Slack
from adapters.platforms.slack.account import Account
from adapters.platforms.slack.pacing import Pacer
from adapters.standins.slack import BOT_USER, TEAM, FaultKind, StandInSlack
from conversation.errors import StoreFault, StoreUnavailable
from conversation.messages import ConversationKey
from conversation.places import Place
from conversation.turns import Receipt
from tests.support.slack import SECRET, Room, furnish

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from adapters.standins.slack import Line
    from conversation.messages import Message

US = Account(TEAM, BOT_USER)
TS = "1800000000.000100"


def mention(text: str = f"<@{BOT_USER}> Hallo", **more: Any) -> dict[str, Any]:
    """The body of an event: somebody mentions us in a channel."""
    event = {"type": "app_mention", "user": "U1", "text": text, "ts": TS, "channel": "C1", "team": TEAM, **more}
    return {"type": "event_callback", "team_id": TEAM, "event_id": "Ev1", "event": event}


def direct(text: str = "Hallo", **more: Any) -> dict[str, Any]:
    """The body of an event: somebody writes to us directly."""
    return mention(text, **({"type": "message", "channel": "D1", "channel_type": "im"} | more))


class FlyingTime:
    """A clock that a sleeper moves on at once; it remembers how long everybody slept."""

    def __init__(self) -> None:
        self.now = 1000.0
        self.slept: list[float] = []

    def __call__(self) -> float:
        return self.now

    async def sleep(self, seconds: float) -> None:
        """Let the time pass, and others go on."""
        self.slept.append(seconds)
        self.now += seconds
        await asyncio.sleep(0)

    def pacer(self) -> Pacer:
        """A pacer that waits in this time."""
        return Pacer(self, self.sleep)


@dataclass
class Desk:
    """``Intake`` in memory. ``away`` is how many calls find the database gone; ``busy`` holds calls until it is set."""

    received: list[Message] = field(default_factory=list)
    kept: list[tuple[str, str]] = field(default_factory=list)
    stopped: list[tuple[str, str, str, str]] = field(default_factory=list)
    open_answers: int = 0
    away: int = 0
    broken: bool = False
    """The store can't take any message."""
    busy: asyncio.Event | None = None
    taken: asyncio.Event = field(default_factory=asyncio.Event)

    async def accept(self, message: Message) -> Receipt:
        await self._reach()
        if self.broken:
            raise StoreFault
        new = (message.identity, message.edit) not in {(known.identity, known.edit) for known in self.received}
        if new:
            self.received.append(message)
        return Receipt(new=new, conversation_id="c", turn_id="t")

    async def unreadable(self, platform: str, workspace: str, raw: str, reason: str) -> None:
        await self._reach()
        assert (platform, workspace) == ("slack", TEAM)
        self.kept.append((raw, reason))

    async def stop_answers_to(self, person: str, platform: str, workspace: str, channel: str) -> int:
        await self._reach()
        self.stopped.append((person, platform, workspace, channel))
        return self.open_answers

    async def _reach(self) -> None:
        self.taken.set()
        if self.busy is not None:
            await self.busy.wait()
        if self.away:
            self.away -= 1
            raise StoreUnavailable

    @property
    def texts(self) -> list[str]:
        """What was received."""
        return [message.text for message in self.received]


@dataclass(frozen=True, slots=True)
class Scene:
    """A stand-in with a room, and the platform signed in there. ``question`` asks something in the channel."""

    standin: StandInSlack
    slack: Slack
    room: Room
    time: FlyingTime

    async def question(self, text: str = "Wie spät ist es?") -> Place:
        """Somebody asks in the channel; the place where the answer goes."""
        ts = await self.standin.say(self.room.channel, text, self.room.person, mention=True)
        return self.place(self.room.channel, ts)

    def place(self, channel: str, ts: str, **more: Any) -> Place:
        """The thread of a message in this room."""
        key = ConversationKey("slack", TEAM, channel, ts)
        place = Place(key, ts, self.room.person, direct=channel == self.room.direct, turn_id="turn")
        return replace(place, **more)

    def answer(self, place: Place, number: int = 0) -> str:
        """What our message in the place's thread reads."""
        return self.ours(place)[number].text

    def ours(self, place: Place) -> list[Line]:
        """Our messages in the place's thread that are there."""
        lines = self.standin.thread(place.conversation.channel, place.conversation.thread)
        return [line for line in lines if line.by_app and not line.deleted]

    def calls(self) -> list[str]:
        """The writing methods that were called with success."""
        return [call.method for call in self.standin.calls if call.method.startswith("chat.") and call.outcome == "ok"]

    async def write(self, place: Place, ts: str, text: str, *, last: bool = False) -> None:
        """Show the text, at the platform's pace."""
        await self.slack.pace(place, last=last)
        await self.slack.edit(place, ts, self.slack.parts(text)[0], last=last)

    @asynccontextmanager
    async def restarted(self) -> AsyncIterator[Scene]:
        """The same with a platform that knows nothing of what was written."""
        async with signed_in(self.standin, self.time) as slack:
            yield Scene(self.standin, slack, self.room, self.time)


@asynccontextmanager
async def signed_in(standin: StandInSlack, time: FlyingTime | None = None) -> AsyncIterator[Slack]:
    """The platform, connected to a stand-in."""
    pacer = (time or FlyingTime()).pacer()
    slack = Slack(standin.bot_token, standin.app_token, standin.signing_secret, standin.api_url, pacer)
    try:
        await slack.start()
        yield slack
    finally:
        await slack.aclose()


@asynccontextmanager
async def scene(**settings: Any) -> AsyncIterator[Scene]:
    """A stand-in and the platform in it."""
    time = FlyingTime()
    async with StandInSlack(signing_secret=SECRET, **settings) as standin, signed_in(standin, time) as slack:
        yield Scene(standin, slack, furnish(standin), time)


def without_streams(at: Scene) -> None:
    """Let the next answer find a Slack that knows no streams."""
    at.standin.fail_next("chat.startStream", FaultKind.ERROR, error="unknown_method")
