"""People who ask on a stand-in platform, and what they see there."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Protocol

from adapters.standins.telegram.chats import Person
from tests.faults.logged import conversation_of
from tests.faults.transcript import Question, Seen, mark_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from adapters.standins.slack import Line, StandInSlack
    from adapters.standins.telegram.messages import ShownMessage
    from adapters.standins.telegram.server import StandInTelegram

WEBHOOK_SECRET = "a-long-random-word"
# Slack delivers an event again after 0, 60 and 300 s, which outlasts a restart by far. Our stand-in hurries with these,
# and a process takes as long to start as ever: so their rounds are repeated.
_ROUND_SECONDS, _ROUNDS = 20.0, 6
# Each crowd numbers its people from here, so that two crowds of one scenario have no mark in common.
TELEGRAM_PEOPLE, SLACK_PEOPLE = 1, 50_001


class Crowd(Protocol):
    """The people of one platform. A person's questions are one conversation, but for those outside Slack's threads."""

    can_find: bool
    """A message of the service's can be found again there: no empty placeholder may stay."""

    @property
    def count(self) -> int:
        """How many questions were asked so far."""

    def settings(self, door: str) -> Mapping[str, str]:
        """What the service needs to know to answer them; ``door`` is the address before its web servers."""

    async def ask(self, person: int, number: int) -> None:
        """Let the person ask the question with this number; the one before was asked before."""

    def asked(self) -> Sequence[Question]:
        """Everything that was asked so far."""

    def seen(self) -> Sequence[Seen]:
        """Every message of the service's that stands there."""


class TelegramCrowd:
    """A private chat for each person. The service polls, or is called by ``webhook``."""

    can_find = False

    def __init__(self, telegram: StandInTelegram, salt: str, *, webhook: bool = False) -> None:
        self.telegram = telegram
        self._salt = salt
        self._webhook = webhook
        self._asked: list[tuple[Person, int, str]] = []
        self._people: dict[int, Person] = {}

    @property
    def count(self) -> int:
        return len(self._asked)

    def settings(self, door: str) -> Mapping[str, str]:
        found = {"telegram_token": self.telegram.token, "telegram_api_url": self.telegram.api_url}
        if self._webhook:
            found |= {"telegram_webhook_url": f"{door}/telegram/webhook", "telegram_webhook_secret": WEBHOOK_SECRET}
        return found

    async def ask(self, person: int, number: int) -> None:
        somebody = self._people.setdefault(person, Person(4000 + person, f"Person {person}", language_code="de"))
        mark = mark_of(self._salt, TELEGRAM_PEOPLE + person, number)
        self._asked.append((somebody, number, mark))
        self.telegram.say(somebody, f"Was weißt du über {mark}?")

    def asked(self) -> Sequence[Question]:
        waiting = {text for update in self.telegram.pending if (text := update.payload.get("text"))}
        return [
            Question(conversation_of(str(person.id)), number, mark, f"Was weißt du über {mark}?" not in waiting)
            for person, number, mark in self._asked
        ]

    def seen(self) -> Sequence[Seen]:
        shown = [message for person in self._people.values() for message in self.telegram.transcript(person)]
        return [_on_telegram(message) for message in shown if message.from_bot]


def _on_telegram(message: ShownMessage) -> Seen:
    return Seen(
        conversation=conversation_of(str(message.chat_id)),
        message_id=str(message.message_id),
        order=message.message_id,
        text=message.text,
        since=_since([(version.text, version.at) for version in message.versions]),
    )


def _since(versions: Sequence[tuple[str, float]]) -> float:
    """When the message first read as it does now."""
    return next(at for text, at in versions if text == versions[-1][0])


class SlackCrowd:
    """A direct room for each person. The first question opens a thread, the others follow in it once the one before
    was acknowledged: Slack promises no order of what it delivers. Events come over HTTP, or by ``socket``.
    """

    can_find = True

    def __init__(self, slack: StandInSlack, salt: str, *, socket: bool = False) -> None:
        self.slack = slack
        self._salt = salt
        self._socket = socket
        self._people: dict[int, tuple[str, str]] = {}
        self._threads: dict[int, str] = {}
        self._asked: list[tuple[int, int, str, str]] = []
        self._acknowledged: set[str] = set()
        self._read = 0

    @property
    def count(self) -> int:
        return len(self._asked)

    def settings(self, door: str) -> Mapping[str, str]:
        found = {"slack_bot_token": self.slack.bot_token, "slack_api_url": self.slack.api_url}
        if self._socket:
            return found | {"slack_app_token": self.slack.app_token}
        self.slack.events_url = f"{door}/slack/events"
        return found | {"slack_signing_secret": self.slack.signing_secret}

    async def ask(self, person: int, number: int) -> None:
        if person not in self._people:
            somebody = self.slack.add_person(f"Person {person}")
            self._people[person] = somebody, self.slack.direct(somebody)
        somebody, room = self._people[person]
        mark = mark_of(self._salt, SLACK_PEOPLE + person, number)
        thread = self._threads.get(person)
        ts = await self.slack.say(room, f"Was weißt du über {mark}?", somebody, thread)
        self._threads.setdefault(person, ts)
        self._asked.append((person, number, mark, ts))
        for _ in range(_ROUNDS):
            with contextlib.suppress(TimeoutError):
                await self.slack.wait_for(lambda: ts in self._taken(), _ROUND_SECONDS)
                return
            self.slack.deliver_again(ts)

    def _taken(self) -> set[str]:
        """The messages that were acknowledged; what was read of the deliveries is not read again."""
        fresh = self.slack.deliveries[self._read :]
        self._read += len(fresh)
        self._acknowledged.update(delivery.ts for delivery in fresh if delivery.outcome.acknowledged)
        return self._acknowledged

    def asked(self) -> Sequence[Question]:
        acknowledged = self._taken()
        return [
            Question(self._conversation(person), number, mark, ts in acknowledged)
            for person, number, mark, ts in self._asked
        ]

    def seen(self) -> Sequence[Seen]:
        found = []
        for _, room in self._people.values():
            lines = [line for line in self.slack.lines(room) if line.by_app and not line.deleted]
            found += [_on_slack(room, order, line) for order, line in enumerate(lines)]
        return found

    def _conversation(self, person: int) -> str:
        return conversation_of(self._people[person][1], self._threads[person])


def _on_slack(room: str, order: int, line: Line) -> Seen:
    return Seen(
        conversation=conversation_of(room, line.thread_ts),
        message_id=line.ts,
        order=order,
        text=line.text,
        since=_since([(version.text, version.at) for version in line.versions]),
        streaming=line.streaming,
    )
