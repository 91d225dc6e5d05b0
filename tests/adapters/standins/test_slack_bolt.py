from collections.abc import AsyncIterator
from typing import Any

import pytest
from aiohttp import web
from slack_bolt.adapter.aiohttp import to_aiohttp_response, to_bolt_request
from slack_bolt.app.async_app import AsyncApp

from adapters.standins.slack import StandInSlack
from tests.support.slack import SECRET, official_client


@pytest.fixture
async def slack() -> AsyncIterator[StandInSlack]:
    async with StandInSlack(signing_secret=SECRET, retry_scale=0) as standin:
        yield standin


@pytest.fixture
async def app(slack: StandInSlack) -> AsyncIterator[AsyncApp]:
    """A bolt app behind HTTP, to which the stand-in posts."""
    async with official_client(slack) as client:
        app = AsyncApp(client=client, signing_secret=SECRET, process_before_response=True)

        async def take(request: web.Request) -> web.Response:
            return await to_aiohttp_response(await app.async_dispatch(await to_bolt_request(request)))

        application = web.Application()
        application.add_routes([web.post("/slack/events", take)])
        runner = web.AppRunner(application, access_log=None, shutdown_timeout=0.1)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        slack.events_url = f"http://127.0.0.1:{runner.addresses[0][1]}/slack/events"
        yield app
        await runner.cleanup()


async def test_bolt_checks_the_signature_and_says_the_challenge_back(slack: StandInSlack, app: AsyncApp) -> None:
    assert app.client.base_url == slack.api_url
    assert await slack.verify_events_url()

    slack.signing_secret = "wrong"

    assert not await slack.verify_events_url()


async def test_bolt_streams_an_answer_to_a_direct_message(slack: StandInSlack, app: AsyncApp) -> None:
    @app.event("message")
    async def answer(event: dict[str, Any], say_stream: Any) -> None:
        stream = await say_stream(thread_ts=event["ts"], buffer_size=1)
        await stream.append(markdown_text="Zwölf ")
        await stream.stop(markdown_text="Uhr.")

    person = slack.add_person("Kim")
    ts = await slack.say(slack.direct(person), "Wie spät ist es?", person)
    await slack.wait_for(lambda: slack.acknowledged(ts))

    _, reply = slack.thread(slack.direct(person), ts)
    assert (reply.text, reply.streaming) == ("Zwölf Uhr.", False)


async def test_what_bolt_does_not_listen_to_is_no_acknowledgement(slack: StandInSlack, app: AsyncApp) -> None:
    person = slack.add_person("Kim")
    ts = await slack.say(slack.direct(person), "Hallo", person)
    await slack.wait_for(lambda: len(slack.deliveries) == 4)

    assert app.name
    assert not slack.acknowledged(ts)
    assert {delivery.outcome.status for delivery in slack.deliveries} == {404}
