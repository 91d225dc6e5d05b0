"""Each way in, the whole way: stand-in platform → service by the official SDK → stand-in TGI → answer seen there."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any

import pytest

from tests.support.databases import Rows
from tests.support.service import free_port, running, until_over
from tests.support.telegram import ASKER, OTHER

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from adapters.standins.slack import StandInSlack
    from adapters.standins.telegram.server import StandInTelegram
    from adapters.standins.tgi import StandInTGI
    from bot.service import Service
    from tests.support.slack import Room

ANSWER = "Du hast gefragt: „{}“ Ich vertrete hier nur das Modell, aber deine Frage ist angekommen."
WEBHOOK_SECRET = "a-long-random-word"


@contextlib.asynccontextmanager
async def on_telegram(
    telegram: StandInTelegram, way: str, database_url: str, tgi: StandInTGI
) -> AsyncIterator[Service]:
    settings: dict[str, Any] = {"telegram_token": telegram.token, "telegram_api_url": telegram.api_url}
    if way == "webhook":
        port = free_port()
        settings |= {
            "http_port": port,
            "telegram_webhook_url": f"http://127.0.0.1:{port}/telegram/webhook",
            "telegram_webhook_secret": WEBHOOK_SECRET,
        }
    async with running(database_url=database_url, model_server="tgi", model_url=tgi.url, **settings) as service:
        yield service


@contextlib.asynccontextmanager
async def on_slack(slack: StandInSlack, way: str, database_url: str, tgi: StandInTGI) -> AsyncIterator[Service]:
    settings: dict[str, Any] = {"slack_bot_token": slack.bot_token, "slack_api_url": slack.api_url}
    if way == "socket":
        settings["slack_app_token"] = slack.app_token
    else:
        settings["slack_signing_secret"] = slack.signing_secret
    async with running(database_url=database_url, model_server="tgi", model_url=tgi.url, **settings) as service:
        if way == "http":
            slack.events_url = f"{service.web.address}/slack/events"
        else:
            await slack.wait_for(lambda: slack.sockets)
        yield service


async def stored(service: Service) -> list[tuple[str, str, str]]:
    """Question, state and answer of every turn."""
    rows = await Rows(service.database).select(
        "SELECT messages.text, turns.state, answers.text FROM turns JOIN messages ON messages.turn_id = turns.id"
        " LEFT JOIN answers ON answers.turn_id = turns.id ORDER BY turns.position"
    )
    return [tuple(row) for row in rows]


@pytest.mark.parametrize("way", ["polling", "webhook"])
async def test_a_question_on_telegram_is_answered_in_its_chat_and_stored(
    way: str, telegram: StandInTelegram, database_url: str, tgi: StandInTGI
) -> None:
    async with on_telegram(telegram, way, database_url, tgi) as service:
        chat = telegram.private(ASKER)
        telegram.say(chat, "Wie spät ist es, bitte?", ASKER)
        expected = ANSWER.format("Wie spät ist es, bitte?")
        shown = await telegram.wait_for_message(chat, lambda message: message.text.endswith(expected))
        await until_over(service)

        assert shown.text == f"Ich bin eine KI und kann mich irren – prüfe bitte nach, was wichtig ist.\n\n{expected}"
        assert [message.text for message in telegram.transcript(chat) if message.from_bot] == [shown.text]
        assert shown.versions[0].text == "…"
        assert await stored(service) == [("Wie spät ist es, bitte?", "shown", expected)]


@pytest.mark.parametrize("way", ["socket", "http"])
async def test_a_mention_on_slack_is_answered_in_its_thread_and_stored(
    way: str, slack: StandInSlack, room: Room, database_url: str, tgi: StandInTGI
) -> None:
    async with on_slack(slack, way, database_url, tgi) as service:
        ts = await slack.say(room.channel, "Wie spät ist es, bitte?", room.person, mention=True)
        expected = ANSWER.format("Kim: Wie spät ist es, bitte?")
        await slack.wait_for(lambda: answered(slack, room.channel, ts))
        await until_over(service)

        question, answer = slack.thread(room.channel, ts)
        assert question.ts == ts
        assert "Ich bin eine KI" in answer.text
        assert not answer.streaming
        assert await stored(service) == [("Wie spät ist es, bitte?", "shown", expected)]


async def test_a_direct_message_on_slack_is_answered(
    slack: StandInSlack, room: Room, database_url: str, tgi: StandInTGI
) -> None:
    async with on_slack(slack, "socket", database_url, tgi) as service:
        ts = await slack.say(room.direct, "Hallo!", room.person)
        await slack.wait_for(lambda: answered(slack, room.direct, ts))
        await until_over(service)

        assert await stored(service) == [("Hallo!", "shown", ANSWER.format("Hallo!"))]


async def test_in_a_group_each_persons_words_carry_the_name(
    telegram: StandInTelegram, database_url: str, tgi: StandInTGI
) -> None:
    async with on_telegram(telegram, "polling", database_url, tgi) as service:
        group = telegram.supergroup("Verein", ASKER, OTHER)
        for number, (person, text) in enumerate([(ASKER, "Wer kommt?"), (OTHER, "Und wann?")], 1):
            telegram.say(group, f"@{telegram.bot.username} {text}", person)
            await until_over(service, turns=number)

        assert tgi.requests[-1]["inputs"].startswith(
            "Du bist ein hilfreicher Assistent. USER: Asker: Wer kommt? ASSISTANT: Du hast gefragt:"
        )
        assert tgi.requests[-1]["inputs"].endswith("</s>USER: Other: Und wann? ASSISTANT:")


async def test_stop_closes_the_models_stream_and_what_was_written_stays(
    telegram: StandInTelegram, database_url: str, tgi: StandInTGI
) -> None:
    tgi.pace.pause()
    async with on_telegram(telegram, "polling", database_url, tgi) as service:
        chat = telegram.private(ASKER)
        telegram.say(chat, "Erzähl eine Geschichte.", ASKER)
        generation = await tgi.arrivals.get()
        tgi.pace.step(4)
        await telegram.wait_for_message(chat, lambda message: "Du hast" in message.text)
        telegram.say(chat, "/stop", ASKER)
        shown = await telegram.wait_for_message(chat, lambda message: "Gestoppt" in message.text)
        await until_over(service)

        assert await stored(service) == [("Erzähl eine Geschichte.", "shown", "Du hast gefragt")]
        assert "Du hast gefragt\n\n⏹ Gestoppt." in shown.text
        await generation.ended.wait()
        assert tgi.cancelled == 1


def answered(slack: StandInSlack, channel: str, ts: str) -> bool:
    """The thread has an answer that is over."""
    return any("angekommen" in line.text and not line.streaming for line in slack.thread(channel, ts))
