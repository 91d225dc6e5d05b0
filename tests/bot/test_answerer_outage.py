"""How long conversations rest while the model server is in trouble."""

from __future__ import annotations

import contextlib
from contextlib import aclosing
from dataclasses import replace
from typing import TYPE_CHECKING

from adapters.model_servers.guarded import FAILURES, Guarded
from adapters.model_servers.tgi import TGI
from adapters.platforms.console import Console
from adapters.stores.sql.upgrade import upgrade
from bot.models import served
from bot.parts import Parts
from bot.settings import Settings
from conversation.messages import ConversationKey
from tests.support.databases import Rows
from tests.support.words import question

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from adapters.standins.tgi import StandInTGI

RESTS = "SELECT (julianday(not_before) - julianday('now')) * 86400 FROM conversations ORDER BY not_before"


@contextlib.asynccontextmanager
async def resting(tgi: StandInTGI, folder: Path, conversations: int, first_pause: float) -> AsyncIterator[list[float]]:
    """For how many seconds each of so many conversations rests that asked an overloaded server, shortest first."""
    tgi.max_concurrent_requests = 0
    settings = Settings.model_validate(
        {"database_url": f"sqlite:///{folder / 'p.sqlite3'}", "model_server": "tgi", "model_url": tgi.url}
    )
    parts = Parts(settings)
    async with (
        parts.closing(),
        aclosing(Guarded(TGI(tgi.url), first_pause=first_pause, longest_pause=first_pause)) as server,
    ):
        await upgrade(parts.database)
        model = replace(served(settings), server=server)
        answerer = await parts.answerer(model, {"console": Console(parts.signals)}, lease_seconds=60)
        for number in range(conversations):
            await parts.inbox.put(question(key=ConversationKey("console", "console", "", str(number))))
            claim = await parts.inbox.claim("w", 60, ["console"])
            assert claim is not None
            await answerer.answer(claim)
        assert await Rows(parts.database).select("SELECT DISTINCT failures, state FROM turns") == [(0, "open")]
        yield [seconds for (seconds,) in await Rows(parts.database).select(RESTS)]


async def test_a_conversation_rests_a_little_where_nobody_knows_how_long_it_makes_sense(
    tgi: StandInTGI, tmp_path: Path
) -> None:
    async with resting(tgi, tmp_path, 1, first_pause=1000) as (seconds,):
        assert 0 < seconds <= 3.7


async def test_conversations_rest_until_the_server_is_asked_again_and_do_not_all_come_back_at_once(
    tgi: StandInTGI, tmp_path: Path
) -> None:
    async with resting(tgi, tmp_path, FAILURES - 1 + 12, first_pause=1000) as seconds:
        known = seconds[FAILURES - 1 :]

    assert seconds[FAILURES - 2] < 4
    assert known[0] > 900
    assert known[-1] < 1201
    assert known[-1] - known[0] > 10
    assert len(tgi.requests) == FAILURES


async def test_a_short_rest_is_not_shorter_than_the_usual_one(tgi: StandInTGI, tmp_path: Path) -> None:
    async with resting(tgi, tmp_path, FAILURES, first_pause=0.01) as seconds:
        assert 2 < seconds[-1] <= 3.7
