"""kill −9 at each named step of a message's way, then a restart: the answer comes, and it comes once."""

from __future__ import annotations

import signal
from typing import TYPE_CHECKING

import pytest

from bot import failpoints
from tests.support.databases import Rows, opened
from tests.support.processes import plausch_run
from tests.support.service import until_stored
from tests.support.telegram import ASKER

if TYPE_CHECKING:
    from pathlib import Path

    from adapters.standins.slack import StandInSlack
    from adapters.standins.telegram.server import StandInTelegram
    from adapters.standins.tgi import StandInTGI
    from tests.support.slack import Room

STEPS = [
    failpoints.RECEIVED,
    failpoints.STORED,
    failpoints.SENT,
    failpoints.PLACEHOLDER,
    failpoints.DECIDED,
    failpoints.SHOWN,
]
QUESTION = "Wie spät ist es?"
ANSWER = "Du hast gefragt"
# Slow enough that the placeholder stands before the answer is decided.
TOKEN_SECONDS = 0.02


@pytest.mark.parametrize(
    ("database_url", "step"),
    [("sqlite", step) for step in STEPS] + [("postgresql", step) for step in (failpoints.SENT, failpoints.SHOWN)],
    indirect=["database_url"],
)
async def test_on_telegram_the_answer_comes_once_after_a_kill(
    step: str, telegram: StandInTelegram, tgi: StandInTGI, database_url: str, tmp_path: Path
) -> None:
    settings = {
        "database_url": database_url,
        "model_server": "tgi",
        "model_url": tgi.url,
        "telegram_token": telegram.token,
        "telegram_api_url": telegram.api_url,
    }
    tgi.pace.seconds = TOKEN_SECONDS
    chat = telegram.private(ASKER)
    async with plausch_run(tmp_path, settings, step) as process:
        await process.ready()
        telegram.say(chat, QUESTION, ASKER)
        assert await process.ended() == -signal.SIGKILL

    async with opened(database_url) as database:
        await Rows(database).expire_leases()
        async with plausch_run(tmp_path, settings) as process:
            await process.ready()
            await until_stored(database, 1)

    shown = [message.text for message in telegram.transcript(chat) if message.from_bot]
    empty = ["…"] if step == failpoints.SENT else []  # nobody can learn what became of that send
    assert shown[: len(empty)] == empty
    assert [text.count(ANSWER) for text in shown[len(empty) :]] == [1]
    assert len(tgi.requests) <= 2
    if step in {failpoints.DECIDED, failpoints.SHOWN}:
        assert len(tgi.requests) == 1, "the model was asked again although the ending was decided"


@pytest.mark.parametrize(
    ("database_url", "way", "step"),
    [
        ("sqlite", "http", failpoints.RECEIVED),
        ("sqlite", "http", failpoints.STORED),
        ("sqlite", "socket", failpoints.SENT),
        ("sqlite", "http", failpoints.DECIDED),
        ("postgresql", "socket", failpoints.RECEIVED),
        ("postgresql", "socket", failpoints.STORED),
        ("postgresql", "http", failpoints.SENT),
        ("postgresql", "socket", failpoints.SHOWN),
    ],
    indirect=["database_url"],
)
async def test_on_slack_the_answer_comes_once_after_a_kill(
    step: str,
    way: str,
    slack: StandInSlack,
    room: Room,
    tgi: StandInTGI,
    database_url: str,
    tmp_path: Path,
) -> None:
    settings = {
        "database_url": database_url,
        "model_server": "tgi",
        "model_url": tgi.url,
        "slack_bot_token": slack.bot_token,
        "slack_api_url": slack.api_url,
    }
    settings |= (
        {"slack_app_token": slack.app_token} if way == "socket" else {"slack_signing_secret": slack.signing_secret}
    )
    async with plausch_run(tmp_path, settings, step) as process:
        await process.ready()
        if way == "http":
            slack.events_url = f"{process.address}/slack/events"
        else:
            await slack.wait_for(lambda: slack.sockets)
        ts = await slack.say(room.channel, QUESTION, room.person, mention=True)
        assert await process.ended() == -signal.SIGKILL

    async with opened(database_url) as database:
        await Rows(database).expire_leases()
        async with plausch_run(tmp_path, settings) as process:
            await process.ready()
            if way == "http":
                slack.events_url = f"{process.address}/slack/events"
                slack.deliver_again(ts)  # as Slack does after a minute, and after five
            await until_stored(database, 1)

    lines = slack.thread(room.channel, ts)[1:]
    assert [line.text.count(ANSWER) for line in lines] == [1]
    assert not any(line.streaming for line in lines)
