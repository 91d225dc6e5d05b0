import asyncio
import json
from collections.abc import AsyncIterator, Sequence
from typing import Any

import aiohttp
import pytest
from aiohttp import web

from adapters.standins.slack import StandInSlack
from tests.support.slack import SECRET, HandClock, RequestUrl, Room, furnish, official_client

BUTTONS: Sequence[dict[str, Any]] = [
    {
        "type": "actions",
        "block_id": "feedback",
        "elements": [
            {"type": "button", "action_id": "good", "text": {"type": "plain_text", "text": "Gut"}, "value": "turn-1"}
        ],
    }
]


@pytest.fixture
def clock() -> HandClock:
    return HandClock()


@pytest.fixture
async def app() -> AsyncIterator[RequestUrl]:
    async with RequestUrl() as request_url:
        yield request_url


@pytest.fixture
async def slack(app: RequestUrl, clock: HandClock) -> AsyncIterator[StandInSlack]:
    async with StandInSlack(signing_secret=SECRET, events_url=app.url, clock=clock) as standin:
        yield standin


@pytest.fixture
def room(slack: StandInSlack) -> Room:
    return furnish(slack)


async def post(url: str, body: dict[str, Any]) -> tuple[int, str]:
    async with aiohttp.ClientSession() as session, session.post(url, json=body) as answer:
        return answer.status, await answer.text()


async def test_a_command_is_a_signed_form(slack: StandInSlack, app: RequestUrl, room: Room) -> None:
    app.answer = lambda _: web.json_response({"response_type": "ephemeral", "text": "Ich bin eine KI."})

    shown = await slack.slash("/plausch", "hilfe & mehr", room.person, room.channel)

    form = app.received[0].form
    assert (form["command"], form["text"], form["user_id"]) == ("/plausch", "hilfe & mehr", room.person)
    assert (form["channel_id"], form["channel_name"]) == (room.channel, "allgemein")
    assert form["trigger_id"]
    assert shown == "Ich bin eine KI."
    assert slack.ephemerals[-1].user == room.person


async def test_each_command_has_a_trigger_of_its_own(slack: StandInSlack, app: RequestUrl, room: Room) -> None:
    await slack.slash("/plausch", "stop", room.person, room.channel)
    await slack.slash("/plausch", "stop", room.person, room.channel)

    assert len({got.form["trigger_id"] for got in app.received}) == 2


async def test_a_plain_answer_is_shown_to_the_person(slack: StandInSlack, app: RequestUrl, room: Room) -> None:
    app.answer = lambda _: web.Response(text="gut")
    assert await slack.slash("/plausch", "", room.person, room.direct) == "gut"
    assert app.received[0].form["channel_name"] == "directmessage"


async def test_an_answer_for_the_room_is_posted(slack: StandInSlack, app: RequestUrl, room: Room) -> None:
    app.answer = lambda _: web.json_response({"response_type": "in_channel", "text": "für alle"})

    await slack.slash("/plausch", "", room.person, room.channel)

    assert [line.text for line in slack.lines(room.channel)] == ["für alle"]
    assert not slack.ephemerals


async def test_a_command_that_fails_is_never_repeated_and_the_person_sees_it(
    slack: StandInSlack, app: RequestUrl, room: Room
) -> None:
    app.answer = lambda _: web.Response(status=503)

    assert await slack.slash("/plausch", "", room.person, room.channel) == (
        '/plausch failed with the error "dispatch_failed"'
    )
    assert len(app.received) == 1


async def test_a_command_that_takes_too_long_says_so(app: RequestUrl) -> None:
    app.block = asyncio.Event()
    async with StandInSlack(signing_secret=SECRET, events_url=app.url, acknowledge_within=0.05) as slack:
        room = furnish(slack)
        shown = await slack.slash("/plausch", "", room.person, room.channel)
    app.block.set()

    assert shown == '/plausch failed with the error "operation_timeout"'


async def test_the_response_address_takes_five_answers(slack: StandInSlack, app: RequestUrl, room: Room) -> None:
    await slack.slash("/plausch", "", room.person, room.channel)
    url = app.received[0].form["response_url"]

    answers = [await post(url, {"text": f"Antwort {number}"}) for number in range(6)]

    assert answers == [(200, "ok")] * 5 + [(404, "used_url")]
    assert [each.text for each in slack.ephemerals] == [f"Antwort {number}" for number in range(5)]


async def test_the_response_address_ends_after_half_an_hour(
    slack: StandInSlack, app: RequestUrl, clock: HandClock, room: Room
) -> None:
    await slack.slash("/plausch", "", room.person, room.channel)
    clock.advance(1801)

    assert await post(app.received[0].form["response_url"], {"text": "zu spät"}) == (404, "expired_url")


async def test_a_press_says_which_button_of_which_message(slack: StandInSlack, app: RequestUrl, room: Room) -> None:
    async with official_client(slack) as client:
        ts = (await client.chat_postMessage(channel=room.direct, text="Antwort", blocks=BUTTONS))["ts"]

    outcome = await slack.press(room.direct, ts, "good", room.person)

    (form,) = [got.form for got in app.received if got.form]
    payload = json.loads(form["payload"])
    (action,) = payload["actions"]
    assert (payload["type"], payload["user"]["id"]) == ("block_actions", room.person)
    assert payload["container"] == {
        "type": "message",
        "message_ts": ts,
        "channel_id": room.direct,
        "is_ephemeral": False,
    }
    assert (action["action_id"], action["value"], action["block_id"]) == ("good", "turn-1", "feedback")
    assert outcome.acknowledged


async def test_nobody_presses_what_is_not_there(slack: StandInSlack, room: Room) -> None:
    ts = await slack.say(room.direct, "Hallo", room.person)

    with pytest.raises(LookupError):
        await slack.press(room.direct, ts, "good", room.person)


async def test_an_answer_to_a_press_can_replace_the_message(slack: StandInSlack, app: RequestUrl, room: Room) -> None:
    async with official_client(slack) as client:
        ts = (await client.chat_postMessage(channel=room.direct, text="Antwort", blocks=BUTTONS))["ts"]
    await slack.press(room.direct, ts, "good", room.person)
    (form,) = [got.form for got in app.received if got.form]
    url = json.loads(form["payload"])["response_url"]

    await post(url, {"replace_original": True, "text": "Danke"})

    assert slack.thread(room.direct, ts)[0].text == "Danke"
