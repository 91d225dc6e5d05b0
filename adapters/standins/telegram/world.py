"""All that the server knows, in one place: methods change it from one side, people from the other."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from adapters.standins.telegram.changes import Change, ChangeKind, Changes
from adapters.standins.telegram.chats import Chat, Chats, Person
from adapters.standins.telegram.limits import FloodBudget, FloodLimits
from adapters.standins.telegram.messages import Messages
from adapters.standins.telegram.updates import UpdateLog
from adapters.standins.telegram.webhook import WebhookDelivery

if TYPE_CHECKING:
    from collections.abc import Callable

    from adapters.standins.telegram.messages import ShownMessage
    from adapters.standins.telegram.refusals import Json

TYPING_SECONDS = 5.0
DRAFT_SECONDS = 30.0


@dataclass(slots=True)
class Press:
    """A button that was pressed; ``answer`` is what the bot told the presser's client, None until it did."""

    callback_id: str
    chat_id: int
    at: float
    answer: Json | None = None


@dataclass(frozen=True, slots=True)
class Draft:
    """A text that is being written and will vanish."""

    draft_id: int
    text: str
    entities: tuple[Json, ...]
    expires_at: float
    can_stop: bool = False


@dataclass(frozen=True, slots=True)
class StoredFile:
    """``size`` may be larger than the content, to play a large file."""

    content: bytes
    size: int


@dataclass(frozen=True, slots=True)
class Tuning:
    """What a test makes faster. Seconds; ``limits`` None turns the flood budget off."""

    limits: FloodLimits | None = field(default_factory=FloodLimits)
    retry_unit: float = 1.0
    patience: float = 3.0
    first_message_id: int = 1
    first_update_id: int = 1
    privacy_mode: bool = True


class World:
    """The state of one stand-in."""

    def __init__(self, bot: Person, now: Callable[[], float], tuning: Tuning) -> None:
        self.bot = bot
        self.now = now
        self.tuning = tuning
        self.changes = Changes()
        self.chats = Chats()
        self.messages = Messages(self.changes, now, tuning.first_message_id)
        self.flood = FloodBudget(tuning.limits, now)
        self.updates = UpdateLog(self.changes, now, tuning.first_update_id, tuning.patience)
        self.webhook = WebhookDelivery(self.updates, self.changes, now, tuning.retry_unit)
        self.presses: dict[str, Press] = {}
        self.files: dict[str, StoredFile] = {}
        self.profile: dict[str, Any] = {}
        self._typing: dict[tuple[int, int | None], float] = {}
        self._drafts: dict[tuple[int, int | None], Draft] = {}
        self.webhook_set_at = float("-inf")

    def show_typing(self, chat: Chat, topic: int | None, action: str) -> None:
        """For five seconds, or until the bot's next message there."""
        self._typing[chat.id, topic] = self.now() + TYPING_SECONDS
        self.changes.publish(Change(ChangeKind.TYPING, chat.id, topic=topic, text=action))

    def types(self, chat: Chat, topic: int | None) -> bool:
        """Whether people see the bot typing there."""
        return self._typing.get((chat.id, topic), 0.0) > self.now()

    def show_draft(self, chat: Chat, topic: int | None, draft: Draft) -> None:
        """For thirty seconds, or until the bot's next message there."""
        self._drafts[chat.id, topic] = draft
        self.changes.publish(Change(ChangeKind.DRAFT, chat.id, topic=topic, text=draft.text))

    def draft(self, chat: Chat, topic: int | None) -> Draft | None:
        """The draft that people see there."""
        draft = self._drafts.get((chat.id, topic))
        return draft if draft is not None and draft.expires_at > self.now() else None

    def bot_wrote(self, chat: Chat, topic: int | None) -> None:
        """A message of the bot ends its typing and its draft."""
        self._typing.pop((chat.id, topic), None)
        self._drafts.pop((chat.id, topic), None)

    def as_json(self, message: ShownMessage) -> Json:
        """A ``Message``."""
        return self.messages.as_json(self.chats.known(message.chat_id), message)
