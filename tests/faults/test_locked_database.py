"""While the database can't be written, nothing is acknowledged; once it can, everything is answered."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

import pytest

from tests.e2e.test_platforms import on_slack, on_telegram
from tests.support.databases import opened
from tests.support.service import until_over
from tests.support.telegram import ASKER

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from adapters.standins.slack import StandInSlack
    from adapters.standins.telegram.server import StandInTelegram
    from adapters.standins.tgi import StandInTGI
    from tests.support.slack import Room


# Polled once with nothing there, once with the update, and asked for it again.
FETCHED_AND_ASKED_AGAIN = 3


@contextlib.asynccontextmanager
async def locked(database_url: str) -> AsyncIterator[None]:
    """Nobody else can write."""
    async with opened(database_url) as database, database.writing() as connection:
        if not database.is_sqlite:
            # Ours may hold the lock for as long as it likes; the service's own would be ended for that.
            await connection.exec_driver_sql("SET LOCAL idle_in_transaction_session_timeout = 0")
            await connection.exec_driver_sql("LOCK TABLE messages")
        yield


async def test_over_http_slack_gets_no_acknowledgement_and_delivers_again(
    slack: StandInSlack, room: Room, tgi: StandInTGI, database_url: str
) -> None:
    async with on_slack(slack, "http", database_url, tgi) as service:
        async with locked(database_url):
            ts = await slack.say(room.channel, "Hallo!", room.person, mention=True)
            await slack.wait_for(lambda: slack.deliveries, within=10)
            assert not slack.acknowledged(ts)
        slack.deliver_again(ts)
        await until_over(service)

        assert slack.acknowledged(ts)
        assert {delivery.outcome.status for delivery in slack.deliveries} >= {503, 200}


async def test_over_socket_mode_an_envelope_stays_unacknowledged(
    slack: StandInSlack, room: Room, tgi: StandInTGI, database_url: str
) -> None:
    async with on_slack(slack, "socket", database_url, tgi) as service:
        async with locked(database_url):
            ts = await slack.say(room.channel, "Hallo!", room.person, mention=True)
            await slack.wait_for(lambda: slack.deliveries, within=10)
            assert not slack.acknowledged(ts)
        slack.deliver_again(ts)
        await until_over(service)

        assert slack.acknowledged(ts)


@pytest.mark.parametrize("way", ["polling", "webhook"])
async def test_telegram_keeps_the_update_and_brings_it_again(
    way: str, telegram: StandInTelegram, tgi: StandInTGI, database_url: str
) -> None:
    async with on_telegram(telegram, way, database_url, tgi) as service:
        chat = telegram.private(ASKER)
        async with locked(database_url):
            telegram.say(chat, "Hallo!", ASKER)
            await telegram.wait_for(lambda: refused(telegram, way))
            assert len(telegram.pending) == 1
        await until_over(service)

        await telegram.wait_for(lambda: not telegram.pending)


def refused(telegram: StandInTelegram, way: str) -> bool:
    """The service has had the update and did not take it."""
    if way == "webhook":
        return any(delivery.status == 503 for delivery in telegram.deliveries)
    return telegram.calls["getUpdates"] >= FETCHED_AND_ASKED_AGAIN
