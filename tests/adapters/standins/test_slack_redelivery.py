import asyncio
from collections.abc import AsyncIterator

import pytest
from aiohttp import web

from adapters.standins.slack import ALL_SUBSCRIPTIONS, StandInSlack
from tests.support.slack import SECRET, RequestUrl, Room, furnish


@pytest.fixture
async def app() -> AsyncIterator[RequestUrl]:
    async with RequestUrl() as request_url:
        yield request_url


@pytest.fixture
async def slack(app: RequestUrl) -> AsyncIterator[StandInSlack]:
    standin = StandInSlack(
        signing_secret=SECRET, events_url=app.url, subscriptions=ALL_SUBSCRIPTIONS, retry_scale=0, acknowledge_within=2
    )
    async with standin:
        yield standin


@pytest.fixture
def room(slack: StandInSlack) -> Room:
    return furnish(slack)


async def test_an_event_is_sent_four_times_until_it_is_acknowledged(
    slack: StandInSlack, app: RequestUrl, room: Room
) -> None:
    app.answer = lambda _: web.Response(status=503)
    ts = await slack.say(room.direct, "Hallo", room.person)

    await slack.wait_for(lambda: len(slack.deliveries) == 4)

    assert [got.headers.get("X-Slack-Retry-Num") for got in app.received] == [None, "1", "2", "3"]
    assert [got.headers.get("X-Slack-Retry-Reason") for got in app.received] == [None, *["http_error"] * 3]
    assert len({got.json["event_id"] for got in app.received}) == 1
    assert [delivery.outcome.status for delivery in slack.deliveries] == [503] * 4
    assert not slack.acknowledged(ts)


async def test_the_app_can_forbid_the_redelivery(slack: StandInSlack, app: RequestUrl, room: Room) -> None:
    app.answer = lambda got: (
        web.Response(status=500, headers={"X-Slack-No-Retry": "1"}) if "eins" in got.text else web.Response()
    )
    await slack.say(room.direct, "eins", room.person)
    await slack.wait_for(lambda: slack.deliveries)
    await slack.say(room.direct, "zwei", room.person)
    await slack.wait_for(lambda: len(slack.deliveries) == 2)

    assert [event["text"] for event in app.events()] == ["eins", "zwei"]


async def test_an_answer_that_comes_too_late_is_none(app: RequestUrl) -> None:
    app.block = asyncio.Event()
    async with StandInSlack(signing_secret=SECRET, events_url=app.url, retry_scale=0, acknowledge_within=0.05) as slack:
        room = furnish(slack)
        ts = await slack.say(room.direct, "Hallo", room.person)
        await slack.wait_for(lambda: slack.deliveries)
        app.block.set()
        await slack.wait_for(lambda: slack.acknowledged(ts))

        assert slack.deliveries[0].outcome.reason == "http_timeout"
        assert app.received[-1].headers["X-Slack-Retry-Reason"] == "http_timeout"


async def test_an_app_that_is_not_there_is_a_failed_connection() -> None:
    async with RequestUrl() as gone:
        address = gone.url
    async with StandInSlack(signing_secret=SECRET, events_url=address, retry_scale=0) as slack:
        await slack.say(slack.direct(slack.add_person("Kim")), "Hallo", "U0000000001")
        await slack.wait_for(lambda: len(slack.deliveries) == 4)

        assert {delivery.outcome.reason for delivery in slack.deliveries} == {"connection_failed"}


async def test_redirects_are_followed_only_so_far(slack: StandInSlack, app: RequestUrl, room: Room) -> None:
    app.answer = lambda _: web.Response(status=307, headers={"Location": app.url})
    await slack.say(room.direct, "Hallo", room.person)
    await slack.wait_for(lambda: slack.deliveries)

    assert slack.deliveries[0].outcome.reason == "too_many_redirects"


async def test_an_acknowledged_event_can_come_once_more_under_the_same_id(
    slack: StandInSlack, app: RequestUrl, room: Room
) -> None:
    ts = await slack.say(room.direct, "Hallo", room.person)
    await slack.wait_for(lambda: slack.acknowledged(ts))

    assert slack.deliver_again(ts) == 1
    await slack.wait_for(lambda: len(slack.deliveries) == 2)

    first, second = app.received
    assert first.json["event_id"] == second.json["event_id"]
    assert second.headers["X-Slack-Retry-Num"] == "1"


async def test_a_wrong_secret_is_seen_by_the_official_verifier(app: RequestUrl) -> None:
    async with StandInSlack(signing_secret="other", events_url=app.url, retry_scale=0) as slack:
        await slack.say(slack.direct(slack.add_person("Kim")), "Hallo", "U0000000001")
        await slack.wait_for(lambda: slack.deliveries)

        assert slack.deliveries[0].outcome.status == 401


async def test_an_address_that_is_none_is_an_unknown_error() -> None:
    async with StandInSlack(events_url="http://[", retry_scale=0) as slack:
        await slack.say(slack.direct(slack.add_person("Kim")), "Hallo", "U0000000001")
        await slack.wait_for(lambda: slack.deliveries)

        assert slack.deliveries[0].outcome.reason == "unknown_error"
