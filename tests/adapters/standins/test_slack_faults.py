import asyncio
from collections.abc import AsyncIterator

import aiohttp
import pytest
from slack_sdk.errors import SlackApiError
from slack_sdk.web.async_client import AsyncWebClient

from adapters.standins.slack import FaultKind, StandInSlack
from tests.support.slack import HandClock, Room, furnish, official_client, refusal


@pytest.fixture
def clock() -> HandClock:
    return HandClock()


@pytest.fixture
async def slack(clock: HandClock) -> AsyncIterator[StandInSlack]:
    async with StandInSlack(clock=clock) as standin:
        yield standin


@pytest.fixture
async def client(slack: StandInSlack) -> AsyncIterator[AsyncWebClient]:
    async with official_client(slack) as official:
        yield official


@pytest.fixture
def room(slack: StandInSlack) -> Room:
    return furnish(slack)


async def test_a_method_has_as_many_calls_a_minute_as_its_tier(
    client: AsyncWebClient, clock: HandClock, room: Room
) -> None:
    ts = (await client.chat_postMessage(channel=room.channel, text="…"))["ts"]
    for number in range(50):
        await client.chat_update(channel=room.channel, ts=ts, text=str(number))

    with pytest.raises(SlackApiError) as refused:
        await client.chat_update(channel=room.channel, ts=ts, text="zu viel")
    assert (refused.value.response.status_code, refused.value.response["error"]) == (429, "ratelimited")
    clock.advance(int(refused.value.response.headers["Retry-After"]))
    await client.chat_update(channel=room.channel, ts=ts, text="wieder")


async def test_posts_have_a_budget_for_each_channel(
    client: AsyncWebClient, slack: StandInSlack, clock: HandClock, room: Room
) -> None:
    for number in range(5):
        await client.chat_postMessage(channel=room.channel, text=str(number))

    assert await refusal(client.chat_postMessage(channel=room.channel, text="zu viel")) == "ratelimited"
    await client.chat_postMessage(channel=room.direct, text="anderswo")
    clock.advance(1)
    await client.chat_postMessage(channel=room.channel, text="eine Sekunde später")
    assert [call.outcome for call in slack.calls_of("chat.postMessage")].count("ratelimited") == 1


async def test_an_app_outside_the_marketplace_reads_little(clock: HandClock) -> None:
    async with StandInSlack(clock=clock, unlisted=True) as slack, official_client(slack) as client:
        room = furnish(slack)
        for number in range(20):
            await slack.say(room.channel, str(number), room.person)

        page = await client.conversations_history(channel=room.channel, limit=100)

        assert (len(page["messages"]), page["has_more"]) == (15, True)
        assert await refusal(client.conversations_history(channel=room.channel)) == "ratelimited"
        clock.advance(60)
        await client.conversations_history(channel=room.channel)


async def test_a_scripted_limit_refuses_once(client: AsyncWebClient, slack: StandInSlack, room: Room) -> None:
    slack.fail_next("chat.postMessage", FaultKind.RATELIMITED, seconds=7)

    with pytest.raises(SlackApiError) as refused:
        await client.chat_postMessage(channel=room.channel, text="x")
    assert refused.value.response.headers["Retry-After"] == "7"
    await client.chat_postMessage(channel=room.channel, text="y")

    assert [line.text for line in slack.lines(room.channel)] == ["y"]


async def test_a_scripted_error_and_a_broken_server_do_nothing(
    client: AsyncWebClient, slack: StandInSlack, room: Room
) -> None:
    slack.fail_next("chat.postMessage", FaultKind.ERROR, error="fatal_error")
    slack.fail_next("chat.postMessage", FaultKind.SERVER_ERROR)

    assert await refusal(client.chat_postMessage(channel=room.channel, text="x")) == "fatal_error"
    with pytest.raises(SlackApiError) as refused:
        await client.chat_postMessage(channel=room.channel, text="x")
    assert refused.value.response.status_code == 500
    assert slack.lines(room.channel) == ()


@pytest.mark.parametrize(("kind", "posted"), [(FaultKind.RESET_BEFORE, []), (FaultKind.RESET_AFTER, ["angekommen?"])])
async def test_a_reset_connection_tells_nobody_whether_it_was_done(
    client: AsyncWebClient, slack: StandInSlack, room: Room, kind: FaultKind, posted: list[str]
) -> None:
    slack.fail_next("chat.postMessage", kind)

    with pytest.raises(aiohttp.ClientError):
        await client.chat_postMessage(channel=room.channel, text="angekommen?")

    assert [line.text for line in slack.lines(room.channel)] == posted


async def test_a_server_error_may_come_after_the_call_was_done(
    client: AsyncWebClient, slack: StandInSlack, room: Room
) -> None:
    slack.fail_next("chat.postMessage", FaultKind.SERVER_ERROR_AFTER)

    with pytest.raises(SlackApiError) as refused:
        await client.chat_postMessage(channel=room.channel, text="angekommen")

    assert refused.value.response.status_code == 500
    assert [line.text for line in slack.lines(room.channel)] == ["angekommen"]


async def test_a_slow_call_is_done_all_the_same(client: AsyncWebClient, slack: StandInSlack, room: Room) -> None:
    slack.fail_next("chat.postMessage", FaultKind.SLOW, seconds=0.01)

    await client.chat_postMessage(channel=room.channel, text="x")

    assert [line.text for line in slack.lines(room.channel)] == ["x"]


async def test_a_held_call_waits_until_it_is_released(client: AsyncWebClient, slack: StandInSlack, room: Room) -> None:
    held = slack.hold_next("chat.postMessage")
    call = asyncio.create_task(client.chat_postMessage(channel=room.channel, text="x"))
    await asyncio.wait_for(held.arrived.wait(), 5)
    assert slack.lines(room.channel) == ()

    held.release()

    assert (await call)["ok"]
    assert [line.text for line in slack.lines(room.channel)] == ["x"]
