"""What a person sees when the database has trouble in the midst of an answer."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import structlog

from adapters.standins.script import Fault, FaultKind
from adapters.standins.telegram.faults import FaultKind as TelegramFault
from adapters.stores.sql import database as sql_database
from tests.e2e.test_platforms import on_telegram
from tests.support.databases import opened
from tests.support.service import BOUND_SECONDS, until_over
from tests.support.telegram import ASKER

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    import pytest

    from adapters.standins.telegram.server import StandInTelegram
    from adapters.standins.tgi import StandInTGI


async def test_a_placeholder_that_could_not_be_stored_becomes_the_answer_of_the_next_attempt(
    telegram: StandInTelegram, tgi: StandInTGI, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sql_database, "LOCK_SECONDS", 0.05)
    url = f"sqlite:///{tmp_path / 'plausch.sqlite3'}"
    tgi.pace.pause()
    tgi.faults.extend([Fault(FaultKind.ERROR_EVENT)] * 2)  # the first one is asked again at once
    telegram.fail_next("sendMessage", TelegramFault.SLOW, seconds=2)  # carried out at once, answered late
    chat = telegram.private(ASKER)
    async with on_telegram(telegram, "polling", url, tgi) as service:
        with structlog.testing.capture_logs() as log:
            telegram.say(chat, "Hallo!", ASKER)
            await telegram.wait_for_message(chat, lambda message: message.text == "…")
            async with opened(url) as other, other.writing():
                tgi.pace.resume()
                await said(log, "not stored yet")
        await until_over(service)

    (text,) = [message.text for message in telegram.transcript(chat) if message.from_bot]
    assert "angekommen" in text


async def said(log: Sequence[structlog.typing.EventDict], event: str) -> None:
    """Wait until the service says so."""
    async with asyncio.timeout(BOUND_SECONDS):
        while not any(entry["event"] == event for entry in log):  # noqa: ASYNC110 - a list has no events
            await asyncio.sleep(0.01)
