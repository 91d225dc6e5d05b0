import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import aiohttp
import pytest
from slack_bolt.adapter.socket_mode.aiohttp import AsyncSocketModeHandler
from slack_bolt.app.async_app import AsyncApp
from slack_sdk.socket_mode.aiohttp import SocketModeClient
from slack_sdk.socket_mode.async_client import AsyncBaseSocketModeClient
from slack_sdk.socket_mode.request import SocketModeRequest
from slack_sdk.socket_mode.response import SocketModeResponse

from adapters.standins.slack import BOT_USER, StandInSlack
from tests.support.slack import Room, furnish, official_client


@pytest.fixture
async def slack() -> AsyncIterator[StandInSlack]:
    async with StandInSlack(retry_scale=0, acknowledge_within=2) as standin:
        yield standin


@pytest.fixture
def room(slack: StandInSlack) -> Room:
    return furnish(slack)


async def link(slack: StandInSlack) -> str:
    async with official_client(slack) as client:
        return str((await client.apps_connections_open(app_token=slack.app_token))["url"])


@asynccontextmanager
async def socket(slack: StandInSlack) -> AsyncIterator[aiohttp.ClientWebSocketResponse]:
    """A bare socket behind its hello: it acknowledges nothing by itself."""
    async with aiohttp.ClientSession() as session, session.ws_connect(await link(slack)) as connection:
        assert (await connection.receive_json())["type"] == "hello"
        yield connection


@asynccontextmanager
async def official_socket(slack: StandInSlack, requests: list[SocketModeRequest]) -> AsyncIterator[SocketModeClient]:
    async def acknowledge(client: AsyncBaseSocketModeClient, request: SocketModeRequest) -> None:
        requests.append(request)
        await client.send_socket_mode_response(SocketModeResponse(envelope_id=request.envelope_id))

    async with official_client(slack) as web_client:
        client = SocketModeClient(app_token=slack.app_token, web_client=web_client, ping_interval=0.5)
        client.socket_mode_request_listeners.append(acknowledge)
        await client.connect()  # type: ignore[no-untyped-call]  # the SDK leaves its return type out
        try:
            yield client
        finally:
            await client.close()  # type: ignore[no-untyped-call]  # the SDK leaves its return type out


async def test_the_first_word_is_hello(slack: StandInSlack) -> None:
    async with aiohttp.ClientSession() as session, session.ws_connect(await link(slack)) as connection:
        hello = await connection.receive_json()

    assert (hello["type"], hello["num_connections"]) == ("hello", 1)


async def test_an_address_is_good_for_one_connection(slack: StandInSlack) -> None:
    url = await link(slack)
    async with aiohttp.ClientSession() as session, session.ws_connect(url):
        with pytest.raises(aiohttp.WSServerHandshakeError):
            await session.ws_connect(url)


async def test_the_official_client_gets_events_and_acknowledges_them(slack: StandInSlack, room: Room) -> None:
    requests: list[SocketModeRequest] = []
    async with official_socket(slack, requests):
        ts = await slack.say(room.channel, "Wie spät?", room.person, mention=True)
        await slack.wait_for(lambda: slack.acknowledged(ts))

    (request,) = requests
    assert (request.type, request.retry_attempt, request.payload["event"]["ts"]) == ("events_api", 0, ts)


async def test_an_event_waits_for_the_first_socket(slack: StandInSlack, room: Room) -> None:
    ts = await slack.say(room.direct, "zu früh", room.person)
    async with official_socket(slack, []):
        await slack.wait_for(lambda: slack.acknowledged(ts))


async def test_an_event_that_nobody_acknowledges_comes_again() -> None:
    async with StandInSlack(retry_scale=0, acknowledge_within=0.05) as slack, socket(slack) as connection:
        await slack.say(slack.direct(slack.add_person("Kim")), "Hallo", "U0000000001")
        envelopes = [await connection.receive_json(timeout=5) for _ in range(4)]
        await slack.wait_for(lambda: len(slack.deliveries) == 4)

    assert [envelope["retry_attempt"] for envelope in envelopes] == [0, 1, 2, 3]
    assert [envelope["retry_reason"] for envelope in envelopes] == ["", *["timeout"] * 3]
    assert len({envelope["envelope_id"] for envelope in envelopes}) == 4
    assert len({envelope["payload"]["event_id"] for envelope in envelopes}) == 1


async def test_an_event_whose_socket_drops_comes_again_on_the_next(slack: StandInSlack, room: Room) -> None:
    async with socket(slack) as connection:
        ts = await slack.say(room.direct, "Hallo", room.person)
        first = await connection.receive_json(timeout=5)
        slack.drop_sockets()
        await slack.wait_for(lambda: slack.sockets == 0)
    async with socket(slack) as connection:
        second = await connection.receive_json(timeout=5)
        await connection.send_json({"envelope_id": second["envelope_id"]})
        await slack.wait_for(lambda: slack.acknowledged(ts))

    assert first["payload"] == second["payload"]
    assert second["retry_attempt"] == 1


async def test_events_are_spread_over_the_sockets(slack: StandInSlack, room: Room) -> None:
    async with socket(slack) as one, socket(slack) as other:
        await slack.say(room.direct, "eins", room.person)
        await slack.say(room.direct, "zwei", room.person)
        got = [(await each.receive_json(timeout=5))["payload"]["event"]["text"] for each in (one, other)]

    assert sorted(got) == ["eins", "zwei"]


async def test_the_eleventh_socket_is_sent_away(slack: StandInSlack) -> None:
    async with aiohttp.ClientSession() as session:
        sockets = [await session.ws_connect(await link(slack)) for _ in range(11)]
        words = [await connection.receive_json() for connection in sockets]

        assert [word["type"] for word in words] == ["hello"] * 10 + ["disconnect"]
        assert words[-1]["reason"] == "too_many_websockets"
        for connection in sockets:
            await connection.close()


async def test_the_official_client_moves_when_it_is_told_to(slack: StandInSlack, room: Room) -> None:
    requests: list[SocketModeRequest] = []
    async with official_socket(slack, requests):
        await slack.refresh_sockets()
        ts = await slack.say(room.direct, "Hallo", room.person)
        await slack.wait_for(lambda: slack.acknowledged(ts))
        await slack.wait_for(lambda: slack.sockets == 1)

    assert len(slack.calls_of("apps.connections.open")) == 2


async def test_the_stand_in_pings() -> None:
    async with (
        StandInSlack(ping_seconds=0.05) as slack,
        aiohttp.ClientSession() as session,
        session.ws_connect(await link(slack), autoping=False) as connection,
    ):
        await connection.receive_json()
        assert (await connection.receive(timeout=5)).type is aiohttp.WSMsgType.PING


async def test_odd_acknowledgements_are_overheard(slack: StandInSlack, room: Room) -> None:
    async with socket(slack) as connection:
        for odd in ("{", "[]", '{"envelope_id": "unknown"}'):
            await connection.send_str(odd)
        ts = await slack.say(room.direct, "Hallo", room.person)
        envelope = await connection.receive_json(timeout=5)
        await connection.send_json({"envelope_id": envelope["envelope_id"]})
        await slack.wait_for(lambda: slack.acknowledged(ts))


async def test_a_command_without_a_socket_fails_at_once(slack: StandInSlack, room: Room) -> None:
    shown = await slack.slash("/plausch", "hilfe", room.person, room.channel)
    assert shown == '/plausch failed with the error "dispatch_failed"'


async def test_a_command_is_answered_in_its_acknowledgement(slack: StandInSlack, room: Room) -> None:
    async with socket(slack) as connection:
        command = asyncio.create_task(slack.slash("/plausch", "hilfe", room.person, room.channel))
        envelope = await connection.receive_json(timeout=5)
        await connection.send_json({"envelope_id": envelope["envelope_id"], "payload": {"text": "Ich bin eine KI."}})
        shown = await command

    assert (envelope["type"], envelope["accepts_response_payload"]) == ("slash_commands", True)
    assert envelope["payload"]["text"] == "hilfe"
    assert shown == "Ich bin eine KI."


async def test_bolt_answers_a_mention_a_command_and_a_press(slack: StandInSlack, room: Room) -> None:
    buttons = [{"type": "actions", "elements": [{"type": "button", "action_id": "good", "value": "1"}]}]
    pressed: list[str] = []
    async with official_client(slack) as client:
        app = AsyncApp(client=client, process_before_response=True, signing_secret=slack.signing_secret)

        @app.event("app_mention")
        async def answer(event: dict[str, Any], say: Any) -> None:
            await say(text="Zwölf Uhr.", thread_ts=event["ts"], blocks=buttons)

        @app.command("/plausch")
        async def help_(ack: Any) -> None:
            await ack("Ich bin eine KI.")

        @app.action("good")
        async def good(ack: Any, action: dict[str, Any]) -> None:
            pressed.append(action["value"])
            await ack()

        handler = AsyncSocketModeHandler(app, app_token=slack.app_token)
        await handler.connect_async()  # type: ignore[no-untyped-call]  # the SDK leaves its return type out
        try:
            ts = await slack.say(room.channel, "Wie spät?", room.person, mention=True)
            _, reply = await slack.wait_for(lambda: len(found := slack.thread(room.channel, ts)) == 2 and found) or ()
            shown = await slack.slash("/plausch", "hilfe", room.person, room.channel)
            await slack.press(room.channel, reply.ts, "good", room.person)
        finally:
            await handler.close_async()  # type: ignore[no-untyped-call]  # the SDK leaves its return type out

    assert (reply.user, reply.text, shown, pressed) == (BOT_USER, "Zwölf Uhr.", "Ich bin eine KI.", ["1"])
