"""Who we are talking to: names, language, and whether they know already that this is an AI."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from conversation.answering import Answering
    from conversation.messages import Author
    from conversation.ports import People, Platform
    from conversation.turns import Exchange


@dataclass(frozen=True, slots=True)
class Acquaintance:
    """Fills in what a turn needs to know about people. What is not known is asked from the platform, once."""

    people: People

    async def introduce(self, answering: Answering, platform: Platform, past: Sequence[Exchange]) -> None:
        """Set the answer's locale, names and greeting."""
        claim, messages = answering.claim, answering.claim.messages
        asker = messages[-1].author
        said = [*messages, *(message for exchange in past for message in exchange.questions)]
        ids = {mention.person for message in said for mention in message.mentions}
        if answering.in_a_room:
            ids |= {message.author.id for message in said}
        if asker.locale is None:
            ids |= {asker.id}
        told = {message.author.id: message.author for message in said}
        met = {asker.id: claim.asker} if claim.asker is not None else {}
        known = {**met, **await self._known(platform, claim.conversation.workspace, ids - met.keys(), told)}
        answering.names = {person: author.name for person, author in known.items() if author.name}
        answering.locale = asker.locale or (known[asker.id].locale if asker.id in known else None)
        answering.greet = not claim.greeted

    async def _known(
        self, platform: Platform, workspace: str, ids: set[str], told: Mapping[str, Author]
    ) -> Mapping[str, Author]:
        if not ids:
            return {}
        known = dict(await self.people.known(platform.name, workspace, ids))
        known |= {person: told[person] for person in ids - known.keys() if person in told and told[person].name}
        for person in sorted(ids - known.keys()):
            author = await platform.person(workspace, person)
            if author is not None:
                await self.people.learn(platform.name, workspace, author)
                known[person] = author
        return known
