"""Names and locales of people, asked from Slack and remembered for a while."""

from __future__ import annotations

import asyncio
import time
from collections import OrderedDict
from typing import TYPE_CHECKING, Any, Final

from adapters.platforms.names import clean
from adapters.platforms.slack.calls import ask
from conversation.errors import PlatformError, TooFast
from conversation.messages import Author

if TYPE_CHECKING:
    from collections.abc import Callable

    from slack_sdk.web.async_client import AsyncWebClient

KNOWN_SECONDS: Final = 3600.0
UNKNOWN_SECONDS: Final = 60.0
"""So long nobody asks again after Slack did not tell."""
ASK_SECONDS: Final = 3.0
"""An answer waits for a name no longer than this."""
REST_SECONDS: Final = 10.0
"""After it had to, nobody is asked for so long: a message may name many people, and each would be waited for."""
_MOST: Final = 10_000


class Directory:
    """The workspace's people, as far as they were asked for."""

    def __init__(self, clock: Callable[[], float] = time.monotonic, ask_seconds: float = ASK_SECONDS) -> None:
        self._clock = clock
        self._ask_seconds = ask_seconds
        self._rests_until = 0.0
        self._known: OrderedDict[str, tuple[float, Author | None]] = OrderedDict()
        self._teams: OrderedDict[str, str] = OrderedDict()

    async def person(self, client: AsyncWebClient, person: str) -> Author | None:
        """Name and locale; None where Slack does not tell. Raises nothing."""
        until, author = self._known.get(person, (0.0, None))
        if self._clock() < max(until, self._rests_until):
            return author
        user = await self._asked(client, person)
        author = _author(person, user)
        if isinstance(user, dict) and isinstance(team := user.get("team_id"), str):
            self.belongs(person, team)
        seconds = UNKNOWN_SECONDS if author is None else KNOWN_SECONDS
        _remember(self._known, person, (self._clock() + seconds, author))
        return author

    async def _asked(self, client: AsyncWebClient, person: str) -> object:
        try:
            async with asyncio.timeout(self._ask_seconds):
                return (await ask(client.users_info(user=person, include_locale=True))).get("user")
        except TimeoutError:
            self._rests_until = self._clock() + REST_SECONDS
        except TooFast as limit:
            self._rests_until = self._clock() + limit.seconds
        except PlatformError:
            pass
        return None

    def locale(self, person: str) -> str | None:
        """The person's locale, as far as it was asked before: asks nobody."""
        author = self._known.get(person, (0.0, None))[1]
        return author.locale if author else None

    def belongs(self, person: str, team: str) -> None:
        """Remember a person's own team; in a Slack Connect channel it is not ours."""
        _remember(self._teams, person, team)

    async def team(self, client: AsyncWebClient, person: str) -> str | None:
        """The person's own team: as a message told it, else as Slack tells it. Raises nothing."""
        if person not in self._teams:
            await self.person(client, person)
        return self._teams.get(person)


def _author(person: str, user: Any) -> Author | None:
    if not isinstance(user, dict):
        return None
    profile = user.get("profile")
    profile = profile if isinstance(profile, dict) else {}
    names = (profile.get("display_name"), profile.get("real_name"), user.get("real_name"), user.get("name"))
    name = next(filter(None, map(clean, names)), None)
    locale = user.get("locale")
    return Author(person, name, locale if isinstance(locale, str) else None, is_bot=user.get("is_bot") is True)


def _remember(where: OrderedDict[str, Any], key: str, value: object) -> None:
    where[key] = value
    where.move_to_end(key)
    while len(where) > _MOST:
        where.popitem(last=False)
