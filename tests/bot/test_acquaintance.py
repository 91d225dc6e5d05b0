from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from adapters.platforms.console import Console
from adapters.stores.memory import InProcessSignals
from adapters.stores.sql.conversations import SqlPeople
from bot.acquaintance import Acquaintance
from conversation.answering import Answering
from conversation.messages import Author
from tests.support.databases import opened
from tests.support.dialogues import claim
from tests.support.words import question

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping
    from pathlib import Path

    from conversation.messages import Message


class Asked(SqlPeople):
    """Remembers whom it was asked about."""

    asked: tuple[str, ...] = ()

    async def known(self, platform: str, workspace: str, ids: Collection[str]) -> Mapping[str, Author]:
        self.asked = (*self.asked, *sorted(ids))
        return await super().known(platform, workspace, ids)


def by(locale: str | None, *, direct: bool = True) -> Message:
    """A question of this person."""
    return replace(question(direct=direct), author=Author("kim", "Kim", locale))


@pytest.mark.parametrize(
    ("message", "asked", "locale"),
    [
        (by("en"), (), "en"),
        (by(None), ("kim",), "de"),
        (by("en", direct=False), ("kim",), "en"),
    ],
)
async def test_nobody_is_looked_up_whom_the_answer_does_not_need(
    message: Message, asked: tuple[str, ...], locale: str, tmp_path: Path
) -> None:
    async with opened(f"sqlite:///{tmp_path / 'plausch.sqlite3'}") as database:
        people = Asked(database)
        answering = Answering(claim(message))
        key, platform = answering.claim.conversation, Console(InProcessSignals())
        await people.learn(platform.name, key.workspace, Author("kim", "Kim", "de"))
        await Acquaintance(people).introduce(answering, platform, [])
    assert (people.asked, answering.locale, answering.greet) == (asked, locale, True)
